"""Invoices without a subscription, as they are created in Stripe's Dashboard. https://docs.stripe.com/api/invoices/create"""

from typing import Any

import stripe

from .. import account_state, clock, errors, events, shapes, storage
from ..calls import Call, empty_to_null, load
from ..resources import invoice_lines, invoices, price_amounts
from ..storage import Obj
from . import changes, collection

_GIVEN = ("description", "metadata", "collection_method", "default_payment_method", "footer")
_DRAFT = {"billing_reason": "manual", "status": "draft"}


def create(call: Call) -> Obj:
    """POST /v1/invoices: a draft, to which invoice items are added."""
    account_state.check_charges()
    params = empty_to_null(call.params)
    if not params.get("customer"):
        raise errors.missing("customer")
    customer = load("customer", params["customer"], "customer")
    method = params.get("default_payment_method")
    if method:
        changes.check_payment_method(method, customer["id"])
    given = {name: params[name] for name in _GIVEN if params.get(name)}
    if params.get("days_until_due"):
        if given.get("collection_method") != "send_invoice":
            raise errors.ApiError(
                "You can only specify days_until_due if collection_method is send_invoice.",
                param="days_until_due",
            )
        given["due_date"] = clock.now() + params["days_until_due"] * 86400
    currency = params.get("currency") or customer["currency"] or "usd"
    draft = invoices.create(customer["id"], [], "", False, {**_DRAFT, **given, "currency": currency.lower()})
    if params.get("pending_invoice_items_behavior") == "include":
        for item in _items(customer["id"], None):
            storage.update(item["id"], invoice=draft["id"])
        draft = _update_lines(draft)
    events.emit("invoice.created", draft)
    return draft


def add_item(call: Call) -> Obj:
    """POST /v1/invoiceitems: a line of a draft, or of the customer's next invoice. https://docs.stripe.com/api/invoiceitems"""
    params = empty_to_null(call.params)
    if not params.get("customer"):
        raise errors.missing("customer")
    customer = load("customer", params["customer"], "customer")
    price = load("price", (params.get("pricing") or {}).get("price") or "", "pricing[price]")
    if price["type"] != "one_time":
        message = (
            "The price specified is set to `type=recurring` but this field only accepts `type=one_time`."
        )
        raise errors.ApiError(message, param="pricing[price]")
    invoice = load("invoice", params["invoice"], "invoice") if params.get("invoice") else None
    if invoice and (invoice["status"] != "draft" or invoice["customer"] != customer["id"]):
        raise errors.ApiError(
            "This invoice is no longer editable, or is another customer's.", param="invoice"
        )
    item = _new_item(customer["id"], price, invoice, params)
    events.emit("invoiceitem.created", item)
    if invoice:
        events.emit_updated("invoice", invoice, _update_lines(invoice))
    return item


def finalize(call: Call) -> Obj:
    """POST /v1/invoices/{id}/finalize"""
    invoice = load("invoice", call.args["id"])
    if invoice["status"] != "draft":
        raise errors.ApiError("This invoice is already finalized, you can't re-finalize a non-draft invoice.")
    invoice = collection.finalize(invoice)
    return invoice if invoice["amount_due"] else collection.settle(invoice)


def _new_item(customer: str, price: Obj, invoice: Obj | None, params: Any) -> Obj:
    quantity = params.get("quantity") or 1
    currency = invoice["currency"] if invoice else price["currency"]
    amount = price_amounts.compute_amount(price, quantity, currency)
    product = storage.get(price["product"], "product") or {"name": price["product"]}
    unit = price_amounts.localize(price, currency)["unit_amount_decimal"]
    now = clock.now()
    values = {
        "amount": amount,
        "currency": currency,
        "customer": customer,
        "date": now,
        "description": params.get("description") or product["name"],
        "discountable": True,
        "discounts": [],
        "invoice": invoice["id"] if invoice else None,
        "metadata": params.get("metadata") or {},
        "net_amount": amount,
        "period": {"end": now, "start": now},
        "pricing": {
            "price_details": {"price": price["id"], "product": price["product"]},
            "type": "price_details",
            "unit_amount_decimal": unit,
        },
        "proration": False,
        "quantity": quantity,
        "quantity_decimal": str(quantity),
        "tax_rates": [],
    }
    return storage.put(shapes.new(stripe.InvoiceItem, values, {}))


def _items(customer: str, invoice_id: str | None) -> list[Obj]:
    found = storage.find("invoiceitem", ("customer", "=", customer), ("parent", "IS", None))
    return [item for item in reversed(found) if item["invoice"] == invoice_id]


def _update_lines(draft: Obj) -> Obj:
    for line in draft["lines"]["data"]:
        storage.delete(line["id"])
    rows = [invoice_lines.for_invoice_item(item) for item in _items(draft["customer"], draft["id"])]
    kept = {name: draft[name] for name in (*_GIVEN, *_DRAFT, "id", "created", "due_date", "currency")}
    return invoices.create(draft["customer"], rows, "", False, kept)
