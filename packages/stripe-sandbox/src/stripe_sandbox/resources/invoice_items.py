"""Pending invoice items of a subscription: its prorations. https://docs.stripe.com/api/invoiceitems"""

import stripe

from .. import clock, events, shapes, storage
from ..storage import Obj
from . import price_amounts


def new_proration(
    subscription: Obj, item: Obj, amount: int, start: int, description: str, **details: Obj
) -> Obj:
    """Store a pending line from `start` to the end of the item's period. A negative amount is a credit."""
    price = item["price"]
    defaults = {
        "amount": amount,
        "currency": subscription["currency"],
        "customer": subscription["customer"],
        "date": clock.now(),
        "description": description,
        "discountable": False,
        "discounts": [],
        "metadata": {},
        "net_amount": amount,
        "parent": {
            "subscription_details": {"subscription": subscription["id"], "subscription_item": item["id"]},
            "type": "subscription_details",
        },
        "period": {"end": item["current_period_end"], "start": start},
        "pricing": {
            "price_details": {"price": price["id"], "product": price["product"]},
            "type": "price_details",
            "unit_amount_decimal": price_amounts.localize(price, subscription["currency"])[
                "unit_amount_decimal"
            ],
        },
        "proration": True,
        "proration_details": {"credited_items": None, "discount_amounts": []} | details,
        "quantity": item["quantity"],
        "quantity_decimal": str(item["quantity"]),
        "tax_rates": [],
        "test_clock": subscription["test_clock"],
    }
    stored = storage.put(shapes.new(stripe.InvoiceItem, defaults, {}))
    events.emit("invoiceitem.created", stored)
    return stored


def find_pending(subscription: Obj) -> list[Obj]:
    """Return the invoice items that the next invoice of the subscription includes, oldest first."""
    return storage.find(
        "invoiceitem",
        ("customer", "=", subscription["customer"]),
        ("parent.subscription_details.subscription", "=", subscription["id"]),
        ("invoice", "IS", None),
    )[::-1]


def delete_pending(subscription: Obj) -> None:
    for item in find_pending(subscription):
        storage.delete(item["id"])
        events.emit("invoiceitem.deleted", item)
