"""The customer of a Checkout Session. https://docs.stripe.com/payments/checkout/guest-customers"""

from .. import events, param_limits, storage
from ..calls import change
from ..resources import customers, tax_ids
from ..storage import Obj
from .session_view import SessionView


def ensure_customer(order: SessionView, buyer: Obj) -> None:
    """Create the customer of the session before a payment is attempted, if the session creates one.

    A later attempt updates it, because the buyer can change e-mail address and name after a declined card.
    """
    if order.session["customer"] or not order.creates_customer:
        return
    fields = {name: buyer[name] or None for name in ("email", "name", "address", "phone")}
    if known := _load(order):
        change(known, fields, "customer")
        return
    customer = customers.new(**fields)
    events.emit("customer.created", customer)
    storage.update_hidden(order.session["id"], customer=customer["id"])


def get_id(order: SessionView) -> str | None:
    """Return the customer that the session has or has created, or None for a guest."""
    hidden = storage.get_hidden(order.session["id"])
    customer: str | None = order.session["customer"] or hidden.get("customer")
    return customer


def update_customer(order: SessionView, buyer: Obj) -> None:
    """Store on the customer what the buyer entered, as far as the session allows it."""
    customer = _load(order)
    if customer is None:
        return
    if order.session["customer"]:
        change(customer, _find_changes(order, customer, buyer), "customer")
    for tax_id in buyer.get("tax_ids", []):
        if tax_id not in tax_ids.for_invoice(customer["id"]):
            tax_ids.new(customer["id"], **tax_id)


def _load(order: SessionView) -> Obj | None:
    customer = storage.get(get_id(order) or "", "customer")
    return None if customer is None or customer.get("deleted") else customer


def _find_changes(order: SessionView, customer: Obj, buyer: Obj) -> Obj:
    update_rules = order.hidden.get("customer_update") or {}
    allowed = [name for name in ("name", "address") if update_rules.get(name) == "auto"]
    changes: Obj = {name: buyer[name] for name in allowed if buyer[name]}
    if not param_limits.is_email(customer.get("email") or ""):
        changes["email"] = buyer["email"]
    if order.session["phone_number_collection"]["enabled"]:
        changes["phone"] = buyer["phone"]
    return changes
