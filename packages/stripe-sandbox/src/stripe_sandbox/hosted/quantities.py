"""Quantities and optional items that the buyer changes on the page.

https://docs.stripe.com/payments/checkout/adjustable-quantity and https://docs.stripe.com/payments/checkout/optional-items
"""

from collections.abc import Mapping

from .. import errors, storage
from ..resources import session_items
from ..storage import Obj
from .session_view import SessionView

INVALID = "The quantity is invalid."


class InvalidQuantity(Exception):
    """The buyer entered a quantity outside the limits, or one that makes the order too small."""


def input_name(item: Obj) -> str:
    return f"quantity-{item['id']}"


def apply(order: SessionView, posted: Mapping[str, str]) -> bool:
    """Apply added, removed and changed items of the form. Return whether the order changed.

    Raise InvalidQuantity if that is not possible.
    """
    items = [item for item, _, _ in order.rows]
    changed = [_change(item, posted, order.has_trial) for item in items]
    changed = [item for item in changed if item["quantity"]]
    act, _, target = posted.get("act", "").partition("-")
    offers = {}
    if act == "add" and (offer := order.offers.get(target)):
        added = session_items.new_optional(offer, order.session["currency"], order.has_trial)
        changed.append(added)
        offers[added["id"]] = int(target)
    if act == "drop":
        changed = [item for item in changed if item["id"] != target or not order.is_optional(item)]
    if changed == items:
        return False
    try:
        with storage.transaction():
            if not changed:
                raise InvalidQuantity
            session_items.replace(order.session, changed, offers)
    except errors.ApiError:
        raise InvalidQuantity from None
    return True


def _change(item: Obj, posted: Mapping[str, str], trial: bool) -> Obj:
    limits, entered = item["adjustable_quantity"], posted.get(input_name(item))
    if not limits or entered is None:
        return item
    if not entered.isdecimal() or not limits["minimum"] <= int(entered) <= limits["maximum"]:
        raise InvalidQuantity
    return session_items.set_quantity(item, int(entered), trial)
