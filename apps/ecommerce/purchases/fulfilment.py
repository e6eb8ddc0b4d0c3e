"""The one way that money news gets in: `sync_purchase`.

Webhooks, the return page, the status poll and the admin all call it. It fetches the newest state from Stripe,
derives the status with a pure function, and writes it if it changed; so duplicates, reordering, races and lost
events are all the same non-event. https://docs.stripe.com/checkout/fulfillment
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import stripe
from django.db import transaction
from django.utils import timezone

from apps.ecommerce.models import MISSING_SUBSCRIPTION, Price, Purchase, StatusChange
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.emails import queue_status_email
from apps.ecommerce.purchases.entitlements import DISPUTES, GRANTS
from apps.ecommerce.stripe_api.client import StripeData, get_client, livemode, read, read_or_none, read_pages
from apps.ecommerce.stripe_api.expandable import expanded

logger = logging.getLogger(__name__)

# Everything that decides a purchase, in one request.
EXPAND = [
    "payment_intent.latest_charge",
    "subscription.default_payment_method",
    "subscription.latest_invoice",
    "invoice",
]
UNPAID = (
    Status.OPEN,
    Status.FAILED,
    Status.PAST_DUE,
    Status.UNPAID,
    Status.INCOMPLETE,
)  # and why, if Stripe says
MOST_TRIES = 10  # somebody else wrote meanwhile, ten times in a row: something is wrong


@dataclass(frozen=True, slots=True, kw_only=True)
class StripeState:
    """What decides a status, as Stripe says it. Amounts in minor units, of the newest payment."""

    session_status: str | None  # open, complete, expired
    payment_status: str  # paid, unpaid, no_payment_required
    subscription_status: str | None = None
    intent_status: str | None = None
    amount_charged: int = 0
    amount_refunded: int = 0  # without refunds that failed or were canceled
    dispute_status: str | None = None


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
RUNNING = set(SUBSCRIPTION_STATUS.values()) - {Status.EXPIRED, Status.CANCELED}


def derive_status(state: StripeState) -> Status:
    """Stripe's words ▶ ours. Pure. What Stripe may say one day and we don't know yet never grants access."""
    if state.session_status == "expired":
        return Status.EXPIRED
    if state.session_status != "complete":
        return Status.OPEN
    taken_back = _taken_back(state)
    if state.subscription_status is not None:
        status = SUBSCRIPTION_STATUS.get(state.subscription_status, Status.INCOMPLETE)
        # A part given back of one renewal is no state of the subscription.
        suspended = taken_back if taken_back != Status.PARTIALLY_REFUNDED and status in GRANTS else None
        return suspended or status
    if state.payment_status not in ("paid", "no_payment_required"):
        failed = state.intent_status in ("requires_payment_method", "canceled")
        return Status.FAILED if failed else Status.PROCESSING
    return taken_back or Status.PAID


def _taken_back(state: StripeState) -> Status | None:
    """What refunds and disputes have made of a payment, if anything."""
    if state.dispute_status is not None:
        disputed = DISPUTES.get(state.dispute_status, Status.DISPUTED)
        if disputed:
            return disputed
    if state.amount_refunded <= 0:
        return None
    whole = state.amount_refunded >= state.amount_charged
    return Status.REFUNDED if whole else Status.PARTIALLY_REFUNDED


def sync_purchase(purchase: Purchase, cause: str) -> Purchase:
    """Makes one purchase agree with Stripe and returns it as it is now, with what was read of its catalogue already.

    `cause` says who asked ("event evt_…", "return page"); it is kept with a change of status. Safe to call at any
    time, any number of times, from anywhere. Raises stripe.StripeError when Stripe can't be asked; nothing is
    written then.
    """
    seen = purchase if purchase.session_id else Purchase.objects.get(pk=purchase.pk)
    for _ in range(MOST_TRIES):
        if not (seen.session_id or seen.subscription_id) or seen.livemode != livemode():
            return seen  # no Session yet (checkout.start heals that), or one that our key can't see
        session = _fetch(seen.session_id) if seen.session_id else None
        if session is None and seen.subscription_id:
            session = _fetch_subscription(seen)
        if session and session["status"] == "open" and seen.status == Status.EXPIRED:
            session = close_session(session["id"])
        if fresh := _write(seen, _facts(session) if session else _unknown(seen), cause):
            for name, known in purchase._state.fields_cache.items():
                if known and known.pk == getattr(fresh, f"{name}_id"):
                    setattr(fresh, name, known)
            return fresh
        seen = Purchase.objects.get(pk=purchase.pk)  # it was written since: what was fetched may be older
    raise RuntimeError(f"Purchase {purchase.public_id} kept changing while it was synced.")


def _fetch(session_id: str) -> StripeData | None:
    """The Session with all that hangs on it; None when this Stripe account has no such Session."""
    session = read_or_none("checkout/sessions", session_id, expand=EXPAND)
    if session is None:
        logger.warning("Stripe has no session %s: was it made with another account's key?", session_id)
    return session


def _fetch_subscription(row: Purchase) -> StripeData | None:
    """Return a subscription in the form of a complete Session, if it was made without one (foreign_subscriptions.py).

    None when this Stripe account has no such subscription.
    """
    expand = ["default_payment_method", "latest_invoice"]
    subscription = read_or_none("subscriptions", row.subscription_id, expand=expand)
    if subscription is None:
        logger.warning("Stripe has no subscription %s", row.subscription_id)
        return None
    return {
        "status": "complete",
        "payment_status": "unpaid",
        "subscription": subscription,
        "payment_intent": None,
        "invoice": None,
        "url": None,
        "currency": subscription["currency"],
        "amount_subtotal": row.amount_subtotal,
        "amount_total": row.amount_total,
        "total_details": None,
    }


def close_session(session_id: str) -> StripeData | None:
    """Takes away the Session of a purchase that the store has given up: another one may be open in its place."""
    try:
        get_client().v1.checkout.sessions.expire(session_id)
    except stripe.InvalidRequestError as error:  # it was just paid, or has expired: that is the truth then
        logger.info("session %s was not open any more: %s", session_id, error)
    return _fetch(session_id)


def _unknown(row: Purchase) -> dict[str, Any]:
    """What becomes of a row that this account knows nothing of: another account's key was in use.

    A page can't be paid any more. A subscription can neither be charged nor canceled with our key; what was paid for
    stays open until its end. Should the other key come back, the next sync writes what Stripe says.
    """
    if row.is_open:
        return {"status": Status.EXPIRED, "checkout_url": ""}
    if not (row.has_running_subscription or row.subscription_status == MISSING_SUBSCRIPTION):
        return {}
    facts: dict[str, Any] = {"subscription_status": MISSING_SUBSCRIPTION}
    ends = min(filter(None, (row.cancel_at, row.current_period_end)), default=None)
    if row.status in (Status.ACTIVE, Status.TRIALING) and ends and ends > timezone.now():
        facts["cancel_at"] = ends
    elif row.status in RUNNING:
        facts["status"] = Status.CANCELED
    return facts


def _write(seen: Purchase, facts: dict[str, Any], cause: str) -> Purchase | None:
    """Writes what was fetched and gives the row; None, and nothing written, when it has moved on since it was read."""
    with transaction.atomic():
        row = Purchase.objects.select_for_update().get(pk=seen.pk)
        if row.version != seen.version:
            return None
        now, before = timezone.now(), row.status
        news = {name: value for name, value in facts.items() if getattr(row, name) != value}
        if news and row.synced_at != seen.synced_at:
            return None  # somebody asked meanwhile and heard nothing new: nobody knows whose answer is newer
        if news.get("status") in GRANTS and not row.paid_at:
            news["paid_at"] = now
        row.synced_at = now
        if not news:
            Purchase.objects.filter(pk=row.pk).update(synced_at=now)
            return row
        news |= {"version": row.version + 1, "synced_at": now}
        Purchase.objects.filter(pk=row.pk).update(**news)
        for name, value in news.items():
            setattr(row, name, value)
        if "status" in news:
            change = StatusChange.objects.create(
                purchase=row,
                from_status=before,
                to_status=news["status"],
                version=news["version"],
                cause=cause,
            )
            queue_status_email(change)
            step = {"purchase": str(row.public_id), "from": before, "to": news["status"], "cause": cause}
            logger.info("purchase %(purchase)s: %(from)s ▶ %(to)s (%(cause)s)", step, extra=step)
        return row


def _facts(session: StripeData) -> dict[str, Any]:
    """Session ▶ the purchase's columns. A column that Stripe has no word on yet is left out."""
    subscription = expanded(session["subscription"])
    invoice = expanded(subscription["latest_invoice"]) if subscription else None
    newest = _invoice_intent(invoice) if invoice else expanded(session["payment_intent"])
    intent = newest
    if subscription and not (invoice and _settles_a_period(invoice)):
        # Access goes by the last payment that was made: an unpaid renewal takes back no refund or dispute.
        paid = _last_settled_invoice(subscription["id"])
        intent = (_invoice_intent(paid) if paid else None) or newest
    charge = expanded(intent["latest_charge"]) if intent else None
    details, refunded = session["total_details"] or {}, _refunded(charge) if charge else 0
    status = derive_status(
        StripeState(
            session_status=session["status"],
            payment_status=session["payment_status"],
            subscription_status=subscription["status"] if subscription else None,
            intent_status=intent["status"] if intent else None,
            amount_charged=charge["amount_captured"] if charge else 0,
            amount_refunded=refunded,
            dispute_status=_dispute_status(charge) if charge else None,
        )
    )
    facts: dict[str, Any] = {
        "status": status,
        "currency": session["currency"] or "",
        "amount_subtotal": session["amount_subtotal"] or 0,
        "amount_total": session["amount_total"] or 0,
        "amount_discount": details.get("amount_discount", 0),
        "amount_tax": details.get("amount_tax", 0),
        "checkout_url": session["url"] or "",
        "failure_message": _failure(newest) if status in UNPAID else "",
    }
    if intent:
        facts["payment_intent_id"] = intent["id"]
    if charge and charge["status"] == "succeeded":
        facts["amount_refunded"] = refunded
        facts["receipt_url"] = charge["receipt_url"] or ""
        facts["payment_method"] = _method(charge["payment_method_details"])
    own_invoice = expanded(session["invoice"])
    if own_invoice and own_invoice["hosted_invoice_url"]:  # setting CHECKOUT_INVOICES
        facts["receipt_url"] = own_invoice["hosted_invoice_url"]
    if subscription:
        facts |= subscription_facts(subscription)
        plan = Price.objects.filter(id=subscription["items"]["data"][0]["price"]["id"]).first()
        if plan:  # the buyer may have changed it in the portal
            facts |= {"price_id": plan.id, "product_id": plan.product_id}
        facts["receipt_url"] = (invoice["hosted_invoice_url"] or "") if invoice else ""
        if method := expanded(subscription["default_payment_method"]):
            facts["payment_method"] = _method(method)
    return facts


def _settles_a_period(invoice: StripeData) -> bool:
    """Whether the invoice is paid and pays for a period. A change of plan over nothing does not.

    https://docs.stripe.com/api/invoices/object#invoice_object-billing_reason
    """
    begins = invoice["billing_reason"] in ("subscription_create", "subscription_cycle")
    return invoice["status"] == "paid" and (begins or invoice["amount_paid"] > 0)


def _last_settled_invoice(subscription_id: str) -> StripeData | None:
    """The newest invoice of a subscription that settles a period."""
    for page in read_pages("invoices", subscription=subscription_id, status="paid"):
        for invoice in page:
            if _settles_a_period(invoice):
                return invoice
    return None


def _invoice_intent(invoice: StripeData) -> StripeData | None:
    """The payment intent that paid an invoice, or else its newest. https://docs.stripe.com/api/invoice-payment"""
    payments = read(
        "invoice_payments", invoice=invoice["id"], expand=["data.payment.payment_intent.latest_charge"]
    )
    rows = sorted(payments["data"], key=lambda row: row["status"] != "paid")
    intents = (expanded(row["payment"].get("payment_intent")) for row in rows)
    return next((intent for intent in intents if intent), None)


def _refunded(charge: StripeData) -> int:
    """Minor units that went back or are on their way. A refund that failed brought nothing back."""
    if not charge["amount_refunded"]:
        return 0
    refunds = [row for page in read_pages("refunds", charge=charge["id"]) for row in page]
    return sum(row["amount"] for row in refunds if row["status"] not in ("failed", "canceled"))


def _dispute_status(charge: StripeData) -> str | None:
    """The newest dispute's status; None if there never was one."""
    if not charge["disputed"]:
        return None
    disputes = read("disputes", charge=charge["id"], limit=1)["data"]
    return disputes[0]["status"] if disputes else None


def subscription_facts(subscription: StripeData) -> dict[str, Any]:
    """What a purchase keeps of a subscription. Billing periods live on the items.

    https://docs.stripe.com/api/subscriptions/object
    """
    item = subscription["items"]["data"][0]
    ends = subscription["cancel_at"] or (
        item["current_period_end"] if subscription["cancel_at_period_end"] else None
    )
    return {
        "subscription_id": subscription["id"],
        "subscription_status": subscription["status"],
        "trial_end": _time(subscription["trial_end"]),
        "current_period_start": _time(item["current_period_start"]),
        "current_period_end": _time(item["current_period_end"]),
        "cancel_at": _time(ends),
    }


def _method(details: StripeData | None) -> str:
    """What was paid with: "Visa •••• 4242"; other methods by their name."""
    if not details:
        return ""
    if card := details.get("card"):
        return f"{str(card['brand']).replace('_', ' ').title()} •••• {card['last4']}"
    return str(details["type"]).replace("_", " ").capitalize()


def _failure(intent: StripeData | None) -> str:
    """Why the last try to pay did not work, in Stripe's words for the buyer."""
    error = intent["last_payment_error"] if intent else None
    return (error.get("message") or "")[:500] if error else ""


def _time(seconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
