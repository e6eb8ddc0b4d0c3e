"""The lines of an invoice, before discounts and taxes. Each function returns the fields of a line, and its price."""

from .. import clock, formatting, ids, storage
from ..storage import Obj
from . import price_amounts


def for_subscription_item(subscription: Obj, item: Obj, free: bool) -> Obj:
    """Return the fields of the line for a subscription item, and its price."""
    price, quantity = item["price"], item["quantity"]
    product = storage.get(price["product"], "product") or {"name": price["product"]}
    origin = {
        "invoice_item": None,
        "proration": False,
        "proration_details": {"credited_items": None},
        "subscription": subscription["id"],
        "subscription_item": item["id"],
    }
    currency = subscription["currency"]
    amount = formatting.format_money(price_amounts.compute_amount(price, 1, currency), currency)
    terms = f"at {amount} / {formatting.format_frequency(price['recurring'])}"
    return {
        "price": price,
        "currency": currency,
        "description": f"Trial period for {product['name']}"
        if free
        else f"{quantity} × {product['name']} ({terms})",
        "metadata": subscription["metadata"],
        "parent": {
            "invoice_item_details": None,
            "subscription_item_details": origin,
            "type": "subscription_item_details",
        },
        "period": {"end": item["current_period_end"], "start": item["current_period_start"]},
        "pricing": _pricing(price, subscription["currency"], free),
        "quantity": quantity,
        "subscription": subscription["id"],
        "subtotal": 0 if free else price_amounts.compute_amount(price, quantity, subscription["currency"]),
    }


def for_sale(item: Obj) -> Obj:
    price, now = item["price"], clock.now()
    origin = {
        "invoice_item": f"ii_1{ids.random_letters(23)}",
        "proration": False,
        "proration_details": {"credited_items": None},
        "subscription": None,
    }
    return {
        "price": price,
        "currency": item["currency"],
        "description": item["description"],
        "metadata": item["metadata"] or {},
        "parent": {
            "invoice_item_details": origin,
            "subscription_item_details": None,
            "type": "invoice_item_details",
        },
        "period": {"end": now, "start": now},
        "pricing": _pricing(price, item["currency"], False),
        "quantity": item["quantity"],
        "subscription": None,
        "subtotal": item["amount_subtotal"],
    }


def for_invoice_item(item: Obj) -> Obj:
    """Return the line for an invoice item without a subscription."""
    details = item["pricing"]["price_details"]
    origin = {
        "invoice_item": item["id"],
        "proration": False,
        "proration_details": {"credited_items": None},
        "subscription": None,
    }
    names = ("currency", "description", "metadata", "period", "pricing", "quantity")
    return {
        **{name: item[name] for name in names},
        "price": storage.get(details["price"], "price") or {},
        "parent": {
            "invoice_item_details": origin,
            "subscription_item_details": None,
            "type": "invoice_item_details",
        },
        "subscription": None,
        "subtotal": item["amount"],
    }


def _pricing(price: Obj, currency: str, free: bool) -> Obj:
    return {
        "price_details": {"price": price["id"], "product": price["product"]},
        "type": "price_details",
        "unit_amount_decimal": "0"
        if free
        else price_amounts.localize(price, currency)["unit_amount_decimal"],
    }


def for_proration(item: Obj) -> Obj:
    """Return the line for a pending invoice item."""
    details, (price_id, _) = item["parent"]["subscription_details"], item["pricing"]["price_details"].values()
    origin = {
        "invoice_item": item["id"],
        "proration": True,
        "proration_details": {"credited_items": _credited_lines(item)},
        "subscription": details["subscription"],
        "subscription_item": details["subscription_item"],
    }
    return {
        "price": storage.get(price_id, "price") or {},
        "currency": item["currency"],
        "description": item["description"],
        "discountable": False,
        "metadata": item["metadata"],
        "parent": {
            "invoice_item_details": None,
            "subscription_item_details": origin,
            "type": "subscription_item_details",
        },
        "period": item["period"],
        "pricing": item["pricing"],
        "quantity": item["quantity"],
        "subscription": details["subscription"],
        "subtotal": item["amount"],
    }


def _credited_lines(item: Obj) -> Obj | None:
    credited = item["proration_details"]["credited_items"] or {}
    details: Obj | None = credited.get("invoice_line_item_details")
    return details
