"""Compute a purchase's status and columns from Stripe's objects."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from apps.ecommerce.catalogue.bought_prices import find_or_copy_price
from apps.ecommerce.models import Payment, Price, Purchase
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.discount_codes.sync import find_or_copy_code, used_code_id
from apps.ecommerce.purchases.payments.stored_payments import payment_values
from apps.ecommerce.purchases.payments.stripe_payments import (
    StripePayment,
    decline_code,
    describe_payment_method,
    to_datetime,
)
from apps.ecommerce.stripe_api.client import StripeData, expanded, object_id

# https://docs.stripe.com/api/subscriptions/object#subscription_object-status
SUBSCRIPTION_STATUS: dict[str, Status] = {
    "trialing": Status.TRIALING,
    "active": Status.ACTIVE,
    "past_due": Status.PAST_DUE,
    "unpaid": Status.UNPAID,
    "paused": Status.PAUSED,
    "incomplete": Status.INCOMPLETE,
    "incomplete_expired": Status.EXPIRED,
    "canceled": Status.CANCELED,
}
RUNNING_STATUSES = frozenset(SUBSCRIPTION_STATUS.values()) - {Status.EXPIRED, Status.CANCELED}
# The statuses whose page shows why the payment failed.
MAX_EMAIL_LENGTH = 254  # Stripe allows longer addresses
STATUSES_WITH_FAILURE = (Status.OPEN, Status.FAILED, Status.PAST_DUE, Status.UNPAID, Status.INCOMPLETE)


@dataclass(frozen=True, slots=True, kw_only=True)
class StripeState:
    """The values that decide a status. Refunds and disputes are facts about payments, and do not change it."""

    session_status: str | None  # open, complete, expired
    payment_status: str  # paid, unpaid, no_payment_required
    subscription_status: str | None = None
    intent_status: str | None = None


def purchase_values(
    purchase: Purchase,
    session: StripeData | None,
    subscription: StripeData | None,
    item: StripeData | None,
    fetched: Sequence[StripePayment],
) -> dict[str, Any]:
    """Return the purchase's columns, without those that Stripe does not know yet.

    `item` is the plan's item of the subscription. The payments are newest first.
    """
    payments = [payment.row for payment in fetched]
    intent = expanded(session["payment_intent"]) if session else None
    status = derive_status(
        StripeState(
            session_status=session["status"] if session else "complete",
            payment_status=session["payment_status"] if session else "unpaid",
            subscription_status=subscription["status"] if subscription else None,
            intent_status=intent["status"] if intent else None,
        )
    )
    newest = payments[0] if payments else None
    if subscription and status in (Status.ACTIVE, Status.INCOMPLETE) and _waits_for_bank(payments):
        status = Status.PROCESSING  # Stripe's subscription is active before the bank pays
    values: dict[str, Any] = {"status": status, "failure_code": ""}
    if status in STATUSES_WITH_FAILURE:
        error = decline_code(intent["last_payment_error"]) if intent else ""
        values["failure_code"] = error or (newest.failure_code if newest else "")
    if intent or newest:
        values["payment_intent_id"] = intent["id"] if intent else newest.payment_intent_id if newest else ""
    if newest and newest.payment_method:
        values["payment_method"] = newest.payment_method
    if session:
        values |= _session_values(session)
        values |= _guest_values(purchase, session)
    if subscription and item:
        values |= subscription_values(subscription, item)
        values |= _plan_values(purchase, item)
    addons = {payment.row.stripe_id for payment in fetched if payment.is_for_addons}
    return values | payment_values(payments, subscription, addons)


def invoice_values(payment: StripePayment) -> dict[str, Any]:
    """Return the columns of a purchase that was paid by an invoice without subscription."""
    row = payment.row
    return {
        "status": Status.PAID if row.is_paid else Status.PROCESSING,
        "currency": row.currency,
        "amount_subtotal": row.amount_subtotal,
        "amount_total": row.amount_total,
        "amount_discount": row.amount_discount,
        "amount_tax": row.amount_tax,
        "payment_intent_id": row.payment_intent_id,
        "payment_method": row.payment_method,
        "subscription_status": "",  # another account's key may have set "missing"
        **payment_values([row], None),
    }


def derive_status(state: StripeState) -> Status:
    """Return the purchase's status: for a subscription Stripe's own. An unknown value results in no access."""
    if state.session_status == "expired":
        return Status.EXPIRED
    if state.session_status != "complete":
        return Status.OPEN
    if state.subscription_status is not None:
        return SUBSCRIPTION_STATUS.get(state.subscription_status, Status.INCOMPLETE)
    if state.payment_status not in ("paid", "no_payment_required"):
        has_failed = state.intent_status in ("requires_payment_method", "canceled")
        return Status.FAILED if has_failed else Status.PROCESSING
    return Status.PAID


def _waits_for_bank(payments: Sequence[Payment]) -> bool:
    """Return whether the first payment is a bank debit that is still processing."""
    statuses = {payment.status for payment in payments}
    return Payment.Status.PROCESSING in statuses and Payment.Status.PAID not in statuses


def plan_item(purchase: Purchase, subscription: StripeData) -> StripeData:
    """Return the item of the subscription that was bought. Others are add-ons, and the order is not promised."""
    items: list[StripeData] = subscription["items"]["data"]
    for item in items:
        if item["price"]["id"] == purchase.price_id:
            return item
    for item in items:
        if object_id(item["price"]["product"]) == purchase.product_id:
            return item
    known = set(
        Price.objects.filter(id__in=[item["price"]["id"] for item in items]).values_list("id", flat=True)
    )
    return next((item for item in items if item["price"]["id"] in known), items[0])


def subscription_values(subscription: StripeData, item: StripeData) -> dict[str, Any]:
    """Return the subscription's columns. https://docs.stripe.com/api/subscriptions/object"""
    ends = item["current_period_end"] if subscription["cancel_at_period_end"] else None
    values: dict[str, Any] = {
        "subscription_id": subscription["id"],
        "subscription_status": subscription["status"],
        "quantity": item.get("quantity") or 1,
        "item_count": len(subscription["items"]["data"]),
        "trial_end": to_datetime(subscription["trial_end"]),
        "current_period_start": to_datetime(item["current_period_start"]),
        "current_period_end": to_datetime(item["current_period_end"]),
        "cancel_at": to_datetime(subscription["cancel_at"] or ends),
    }
    if method := expanded(subscription["default_payment_method"]):
        values["payment_method"] = describe_payment_method(method)
    return values


def _plan_values(purchase: Purchase, item: StripeData) -> dict[str, Any]:
    """Return the columns of another plan, which the buyer may have chosen in the billing portal."""
    if item["price"]["id"] == purchase.price_id:
        return {}
    price = find_or_copy_price(item["price"])
    if price is None:
        return {}
    return {
        "price_id": price.id,
        "product_id": price.product_id,
        "product_name": price.product.name,
        "price_name": price.nickname,
        "plan": price.plan,
    }


def _guest_values(purchase: Purchase, session: StripeData) -> dict[str, Any]:
    """Return what a guest has entered at Stripe. The guest may correct the e-mail address later in the store."""
    if not purchase.is_unclaimed or purchase.email or session["status"] != "complete":
        return {}
    details = session["customer_details"] or {}
    email = (details.get("email") or "").lower()
    values: dict[str, Any] = {"buyer_country": ((details.get("address") or {}).get("country") or "")[:2]}
    if purchase.upgrade_of and purchase.upgrade_of.email not in ("", email):
        # The address of the first order was corrected while the payment page was open.
        return values | {"email": purchase.upgrade_of.email, "is_address_outdated": True}
    return values | ({"email": email} if len(email) <= MAX_EMAIL_LENGTH else {})


def _session_values(session: StripeData) -> dict[str, Any]:
    details = session["total_details"] or {}
    values: dict[str, Any] = {
        "currency": session["currency"] or "",
        "amount_subtotal": session["amount_subtotal"] or 0,
        "amount_total": session["amount_total"] or 0,
        "amount_discount": details.get("amount_discount", 0),
        "amount_tax": details.get("amount_tax", 0),
        "checkout_url": session["url"] or "",
        # One-time purchases have none; removes "missing", set with another account's key.
        "subscription_status": "",
    }
    if session["status"] == "complete":  # before that, the buyer may add and remove codes
        code_id = used_code_id(session)
        code = find_or_copy_code(code_id) if code_id else None
        values["discount_code_id"] = code.id if code else None
    return values
