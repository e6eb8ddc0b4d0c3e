"""What Stripe's objects mean for a purchase: its status and its columns. Pure functions."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.entitlements import DISPUTES, GRANTS
from apps.ecommerce.stripe_api.client import StripeData, expanded

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
RUNNING = frozenset(SUBSCRIPTION_STATUS.values()) - {Status.EXPIRED, Status.CANCELED}


@dataclass(frozen=True, slots=True, kw_only=True)
class StripeState:
    """What decides a status. Amounts in minor units, of the last payment that paid for something."""

    session_status: str | None  # open, complete, expired
    payment_status: str  # paid, unpaid, no_payment_required
    subscription_status: str | None = None
    intent_status: str | None = None
    amount_charged: int = 0
    amount_refunded: int = 0  # without refunds that failed or were canceled
    dispute_status: str | None = None


def derive_status(state: StripeState) -> Status:
    """Return the purchase's status. A value that Stripe may add one day never grants access."""
    if state.session_status == "expired":
        return Status.EXPIRED
    if state.session_status != "complete":
        return Status.OPEN
    reversal = _reversal(state)
    if state.subscription_status is not None:
        status = SUBSCRIPTION_STATUS.get(state.subscription_status, Status.INCOMPLETE)
        # A partial refund of one invoice does not change the subscription's status.
        is_suspended = status in GRANTS and reversal != Status.PARTIALLY_REFUNDED
        return reversal if reversal and is_suspended else status
    if state.payment_status not in ("paid", "no_payment_required"):
        has_failed = state.intent_status in ("requires_payment_method", "canceled")
        return Status.FAILED if has_failed else Status.PROCESSING
    return reversal or Status.PAID


def _reversal(state: StripeState) -> Status | None:
    """Return the status that a dispute or refunds give to a payment, or None."""
    if state.dispute_status and (disputed := DISPUTES.get(state.dispute_status, Status.DISPUTED)):
        return disputed
    if state.amount_refunded <= 0:
        return None
    return Status.REFUNDED if state.amount_refunded >= state.amount_charged else Status.PARTIALLY_REFUNDED


def session_values(session: StripeData) -> dict[str, Any]:
    """https://docs.stripe.com/api/checkout/sessions/object"""
    details = session["total_details"] or {}
    values: dict[str, Any] = {
        "currency": session["currency"] or "",
        "amount_subtotal": session["amount_subtotal"] or 0,
        "amount_total": session["amount_total"] or 0,
        "amount_discount": details.get("amount_discount", 0),
        "amount_tax": details.get("amount_tax", 0),
        "checkout_url": session["url"] or "",
    }
    invoice = expanded(session["invoice"])
    if invoice and invoice["hosted_invoice_url"]:  # setting CHECKOUT_INVOICES
        values["receipt_url"] = invoice["hosted_invoice_url"]
    return values


def charge_values(charge: StripeData) -> dict[str, Any]:
    """https://docs.stripe.com/api/charges/object"""
    method = charge["payment_method_details"]
    return {
        "receipt_url": charge["receipt_url"] or "",
        "payment_method": _payment_method(method) if method else "",
    }


def subscription_values(subscription: StripeData) -> dict[str, Any]:
    """Billing periods are on the items. https://docs.stripe.com/api/subscriptions/object"""
    item = subscription["items"]["data"][0]
    ends = item["current_period_end"] if subscription["cancel_at_period_end"] else None
    values: dict[str, Any] = {
        "subscription_id": subscription["id"],
        "subscription_status": subscription["status"],
        "trial_end": _time(subscription["trial_end"]),
        "current_period_start": _time(item["current_period_start"]),
        "current_period_end": _time(item["current_period_end"]),
        "cancel_at": _time(subscription["cancel_at"] or ends),
    }
    if invoice := expanded(subscription["latest_invoice"]):
        values["receipt_url"] = invoice["hosted_invoice_url"] or ""
    if method := expanded(subscription["default_payment_method"]):
        values["payment_method"] = _payment_method(method)
    return values


def failure_message(intent: StripeData | None) -> str:
    """Return why the last attempt to pay failed, in Stripe's words for the buyer."""
    error = (intent["last_payment_error"] if intent else None) or {}
    return (error.get("message") or "")[:500]


def _payment_method(method: StripeData) -> str:
    """Return "Visa •••• 4242" for a card, otherwise the type: "Sepa debit"."""
    if card := method.get("card"):
        return f"{card['brand'].replace('_', ' ').title()} •••• {card['last4']}"
    return str(method["type"]).replace("_", " ").capitalize()


def _time(seconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
