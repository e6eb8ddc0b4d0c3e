"""Compute a purchase's status and columns from Stripe's objects."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from apps.ecommerce.models import Price
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.entitlements import ACCESS_STATUSES, DISPUTE_STATUS
from apps.ecommerce.stripe_api.client import StripeData, expanded, fetch, fetch_pages

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
STATUSES_WITH_FAILURE = (Status.OPEN, Status.FAILED, Status.PAST_DUE, Status.UNPAID, Status.INCOMPLETE)


@dataclass(frozen=True, slots=True, kw_only=True)
class StripeState:
    """The values that decide a status. Amounts are in minor units, of the last payment that paid for a period."""

    session_status: str | None  # open, complete, expired
    payment_status: str  # paid, unpaid, no_payment_required
    subscription_status: str | None = None
    intent_status: str | None = None
    amount_charged: int = 0
    amount_refunded: int = 0  # without refunds that failed or were canceled
    dispute_status: str | None = None


def purchase_values(session: StripeData | None, subscription: StripeData | None) -> dict[str, Any]:
    """Return the purchase's columns, without those that Stripe does not know yet."""
    newest, intent = _payment_intents(session, subscription)
    charge = expanded(intent["latest_charge"]) if intent else None
    refunded = _refunded_amount(charge) if charge else 0
    status = derive_status(
        StripeState(
            session_status=session["status"] if session else "complete",
            payment_status=session["payment_status"] if session else "unpaid",
            subscription_status=subscription["status"] if subscription else None,
            intent_status=intent["status"] if intent else None,
            amount_charged=charge["amount_captured"] if charge else 0,
            amount_refunded=refunded,
            dispute_status=_dispute_status(charge) if charge else None,
        )
    )
    error = (newest["last_payment_error"] if newest and status in STATUSES_WITH_FAILURE else None) or {}
    code = error.get("decline_code") or error.get("code") or error.get("type") or ""
    values: dict[str, Any] = {"status": status, "failure_message": str(code)[:500]}
    if intent:
        values["payment_intent_id"] = intent["id"]
    if charge and charge["status"] == "succeeded":
        method = charge["payment_method_details"]
        values["amount_refunded"] = refunded
        values["receipt_url"] = charge["receipt_url"] or ""
        values["payment_method"] = _describe_payment_method(method) if method else ""
    if session:
        values |= _session_values(session)
    if subscription:
        values |= subscription_values(subscription)
        price = Price.objects.filter(id=subscription["items"]["data"][0]["price"]["id"]).first()
        if price:  # the buyer may have changed the plan in the billing portal
            values |= {"price_id": price.id, "product_id": price.product_id}
    return values


def derive_status(state: StripeState) -> Status:
    """Return the purchase's status. An unknown value from Stripe results in no access."""
    if state.session_status == "expired":
        return Status.EXPIRED
    if state.session_status != "complete":
        return Status.OPEN
    reversal = _derive_reversal(state)
    if state.subscription_status is not None:
        status = SUBSCRIPTION_STATUS.get(state.subscription_status, Status.INCOMPLETE)
        # A partial refund of one invoice does not change the subscription's status.
        is_suspended = status in ACCESS_STATUSES and reversal != Status.PARTIALLY_REFUNDED
        return reversal if reversal and is_suspended else status
    if state.payment_status not in ("paid", "no_payment_required"):
        has_failed = state.intent_status in ("requires_payment_method", "canceled")
        return Status.FAILED if has_failed else Status.PROCESSING
    return reversal or Status.PAID


def subscription_values(subscription: StripeData) -> dict[str, Any]:
    """Return the subscription's columns. https://docs.stripe.com/api/subscriptions/object"""
    item = subscription["items"]["data"][0]
    ends = item["current_period_end"] if subscription["cancel_at_period_end"] else None
    values: dict[str, Any] = {
        "subscription_id": subscription["id"],
        "subscription_status": subscription["status"],
        "trial_end": _to_datetime(subscription["trial_end"]),
        "current_period_start": _to_datetime(item["current_period_start"]),
        "current_period_end": _to_datetime(item["current_period_end"]),
        "cancel_at": _to_datetime(subscription["cancel_at"] or ends),
    }
    if invoice := expanded(subscription["latest_invoice"]):
        values["receipt_url"] = invoice["hosted_invoice_url"] or ""
    if method := expanded(subscription["default_payment_method"]):
        values["payment_method"] = _describe_payment_method(method)
    return values


def _derive_reversal(state: StripeState) -> Status | None:
    dispute = state.dispute_status
    if disputed := DISPUTE_STATUS.get(dispute, Status.DISPUTED) if dispute is not None else None:
        return disputed
    if state.amount_refunded <= 0:
        return None
    return Status.REFUNDED if state.amount_refunded >= state.amount_charged else Status.PARTIALLY_REFUNDED


def _payment_intents(
    session: StripeData | None, subscription: StripeData | None
) -> tuple[StripeData | None, StripeData | None]:
    """Return the newest payment intent, and the one that decides access: the last that paid for a period."""
    if not subscription:
        intent = expanded(session["payment_intent"]) if session else None
        return intent, intent
    invoice = expanded(subscription["latest_invoice"])
    newest = _invoice_intent(invoice) if invoice else None
    if invoice and _pays_for_period(invoice):
        return newest, newest
    # An unpaid renewal does not undo the refund or dispute of the payment before it.
    settled = _last_paid_invoice(subscription["id"])
    return newest, (_invoice_intent(settled) if settled else None) or newest


def _refunded_amount(charge: StripeData) -> int:
    """Return the minor units that were refunded or are being refunded, without refunds that failed."""
    if not charge["amount_refunded"]:
        return 0
    refunds = [refund for page in fetch_pages("refunds", charge=charge["id"]) for refund in page]
    return sum(refund["amount"] for refund in refunds if refund["status"] not in ("failed", "canceled"))


def _dispute_status(charge: StripeData) -> str | None:
    disputes = fetch("disputes", charge=charge["id"], limit=1)["data"] if charge["disputed"] else None
    return disputes[0]["status"] if disputes else None


def _pays_for_period(invoice: StripeData) -> bool:
    """Return whether the invoice is paid and pays for a period, unlike a change of plan that costs nothing.

    https://docs.stripe.com/api/invoices/object#invoice_object-billing_reason
    """
    begins_period = invoice["billing_reason"] in ("subscription_create", "subscription_cycle")
    return invoice["status"] == "paid" and (begins_period or invoice["amount_paid"] > 0)


def _last_paid_invoice(subscription_id: str) -> StripeData | None:
    pages = fetch_pages("invoices", subscription=subscription_id, status="paid")
    return next((invoice for page in pages for invoice in page if _pays_for_period(invoice)), None)


def _invoice_intent(invoice: StripeData) -> StripeData | None:
    """Return the payment intent that paid an invoice, or else the newest one."""
    expand = ["data.payment.payment_intent.latest_charge"]
    payments = fetch("invoice_payments", invoice=invoice["id"], expand=expand)["data"]
    payments = sorted(payments, key=lambda payment: payment["status"] != "paid")
    intents = (expanded(payment["payment"].get("payment_intent")) for payment in payments)
    return next(filter(None, intents), None)


def _session_values(session: StripeData) -> dict[str, Any]:
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


def _describe_payment_method(method: StripeData) -> str:
    if card := method.get("card"):
        return f"{str(card['brand'] or 'card').replace('_', ' ').title()} •••• {card['last4']}"
    return str(method["type"]).replace("_", " ").capitalize()


def _to_datetime(seconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
