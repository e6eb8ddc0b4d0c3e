"""The line items of a Checkout Session, and the optional items that the buyer can add."""

from typing import Any

import stripe

from .. import shapes, storage
from ..storage import Obj
from . import price_amounts, session_amounts


def new(line: Obj, currency: str, trial: bool) -> Obj:
    """Return a line item. The amount that the buyer chooses starts with the preset, or 0."""
    defaults = {
        "adjustable_quantity": line.get("adjustable_quantity"),
        "amount_discount": 0,
        "amount_tax": 0,
        "currency": currency,
        "description": line["product"]["name"],
        "metadata": line["metadata"],
        "price": line["price"],
    }
    amounts = _amounts(line["price"], line["quantity"], currency, trial)
    return shapes.new(stripe.LineItem, defaults | amounts, {})


def set_quantity(item: Obj, quantity: int, trial: bool) -> Obj:
    if quantity == item["quantity"]:
        return item
    return item | _amounts(item["price"], quantity, item["currency"], trial)


def new_optional(offer: Obj, currency: str, trial: bool) -> Obj:
    price = storage.get(offer["price"], "price") or {}
    product = storage.get(price["product"], "product") or {}
    line = {"price": price, "product": product, "quantity": offer["quantity"], "metadata": {}}
    return new(line | {"adjustable_quantity": offer["adjustable_quantity"]}, currency, trial)


def store(session_id: str, rows: list[Obj], **hidden: Obj) -> None:
    """Store line items in their order. `hidden` is hidden data by the item's id."""
    for row in reversed(rows):  # lists are newest first
        storage.put(row, parent=session_id, hidden=hidden.get(row["id"]))


def replace(session: Obj, rows: list[Obj], offers: dict[str, int]) -> None:
    """Replace the line items. `offers` are the optional items among them, with their index."""
    known = {
        item["id"]: storage.get_hidden(item["id"]) for item in storage.find("item", parent=session["id"])
    }
    for item_id in known:
        storage.delete(item_id)
    known |= {item_id: {"offer": index} for item_id, index in offers.items()}
    store(session["id"], rows, **known)
    session_amounts.reprice(session, session_amounts.get_coupon(session))


def has_trial(subscription_data: Obj | None) -> bool:
    return bool((subscription_data or {}).keys() & {"trial_end", "trial_period_days"})


def _amounts(price: Obj, quantity: int, currency: str, trial: bool) -> dict[str, Any]:
    custom = price_amounts.localize(price, currency)["custom_unit_amount"]
    amount = custom["preset"] or 0 if custom else price_amounts.compute_amount(price, quantity, currency)
    amount = 0 if trial and price["recurring"] else amount
    return {"amount_subtotal": amount, "amount_total": amount, "quantity": quantity}
