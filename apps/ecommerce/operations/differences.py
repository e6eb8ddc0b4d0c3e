"""Find the purchases whose copy differs from the objects in Stripe's lists."""

from apps.ecommerce.models import Purchase
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.stripe_state import (
    SUBSCRIPTION_STATUS,
    StripeState,
    derive_status,
    plan_item,
    subscription_values,
)
from apps.ecommerce.stripe_api.client import StripeData, expanded, object_id

UNPAID_STATUSES = (Status.OPEN, Status.PROCESSING, Status.FAILED, Status.EXPIRED)


def session_differs(purchase: Purchase, session: StripeData) -> bool:
    """Return whether the status of the first payment differs. Refunds and disputes are reported by events."""
    if session["mode"] == "subscription" and session["status"] == "complete":
        return purchase.subscription_id != object_id(session["subscription"])
    intent = expanded(session["payment_intent"])
    state = StripeState(
        session_status=session["status"],
        payment_status=session["payment_status"],
        intent_status=intent["status"] if intent else None,
    )
    return purchase.status in UNPAID_STATUSES and purchase.status != derive_status(state)


def subscription_differs(purchase: Purchase, subscription: StripeData) -> bool:
    item = plan_item(purchase, subscription)
    values = subscription_values(subscription, item)
    if purchase.status != Status.PROCESSING:
        values["status"] = SUBSCRIPTION_STATUS.get(subscription["status"], Status.INCOMPLETE)
    values["price_id"] = item["price"]["id"]
    return any(getattr(purchase, name) != value for name, value in values.items())
