"""Fields of Stripe's releases before basil that clients of that time read. All other shapes are the newest ones.

https://docs.stripe.com/changelog/basil
"""

from collections.abc import Callable
from typing import Any

from . import storage
from .storage import Obj

Fields = dict[tuple[str, str], Callable[[Obj], Any]]


def _period(edge: str) -> Callable[[Obj], Any]:
    return lambda subscription: subscription["items"]["data"][0][f"current_period_{edge}"]


def _subscription(invoice: Obj) -> Any:
    details = (invoice["parent"] or {}).get("subscription_details") or {}
    return details.get("subscription")


def _payment_intent(invoice: Obj) -> str | None:
    for payment in storage.find("invoice_payment", ("invoice", "=", invoice["id"])):
        if intent := payment["payment"].get("payment_intent"):
            return str(intent)
    return None


def _charge(invoice: Obj) -> Any:
    return (storage.get(_payment_intent(invoice) or "", "payment_intent") or {}).get("latest_charge")


def _tax(invoice: Obj) -> int | None:
    taxes = [tax["amount"] for tax in invoice["total_taxes"] or []]
    return sum(taxes) if taxes else None


def _invoice_of_intent(intent_id: str | None) -> str | None:
    found = storage.find("invoice_payment", ("payment.payment_intent", "=", intent_id or ""))
    return str(found[0]["invoice"]) if found else None


def _item_details(line: Obj) -> Obj:
    details: Obj = (line["parent"] or {}).get("subscription_item_details") or {}
    return details


def _price(line: Obj) -> Obj | None:
    details = (line["pricing"] or {}).get("price_details") or {}
    price = details.get("price")
    return price if isinstance(price, dict) else storage.get(price or "", "price")


# (kind, field) ▶ value
FIELDS: Fields = {
    ("subscription", "current_period_start"): _period("start"),
    ("subscription", "current_period_end"): _period("end"),
    ("invoice", "subscription"): _subscription,
    ("invoice", "payment_intent"): _payment_intent,
    ("invoice", "charge"): _charge,
    ("invoice", "paid"): lambda invoice: invoice["status"] == "paid",
    ("invoice", "tax"): _tax,
    ("line_item", "price"): _price,
    ("line_item", "proration"): lambda line: bool(_item_details(line).get("proration")),
    ("line_item", "subscription_item"): lambda line: _item_details(line).get("subscription_item"),
    ("charge", "invoice"): lambda charge: _invoice_of_intent(charge["payment_intent"]),
    ("payment_intent", "invoice"): lambda intent: _invoice_of_intent(intent["id"]),
    ("promotion_code", "coupon"): lambda code: storage.get(code["promotion"]["coupon"] or "", "coupon"),
}


def add(node: Any) -> Any:
    """Return the response with the fields, in nested objects, too. Expanded fields stay as they are."""
    if isinstance(node, list):
        return [add(item) for item in node]
    if not isinstance(node, dict) or node.get("deleted"):
        return node
    obj = {name: add(value) for name, value in node.items()}
    for (kind, name), read in FIELDS.items():
        if obj.get("object") == kind and name not in obj:
            obj[name] = read(obj)
    return obj
