"""What is true, said a second time: from Stripe's stored objects, without the store's derive_status.

The policy is written out here as words of the issue: whoever changes it in the store changes it here as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from apps.ecommerce.models import StatusChange
from stripe_sandbox import storage

DAY = 86400
GRACE = 7 * DAY
OPENS = {"paid", "partially_refunded", "trialing", "active"}
RUNNING = {"trialing", "active", "past_due"}
OVER = {"canceled": "canceled", "incomplete_expired": "expired"}
BEGINS_A_PERIOD = {"subscription_create", "subscription_cycle"}
SUSPENDS = {"needs_response", "under_review"}


@dataclass(frozen=True)
class Truth:
    """One moment of a purchase at Stripe. Times in Unix seconds."""

    status: str
    ends: int | None = None
    period_start: int = 0
    period_end: int = 0
    subscription: str = ""  # Stripe's own status of it

    @property
    def runs(self) -> bool:
        """Whether there is a subscription that may be charged, managed and canceled."""
        return self.subscription not in ("", *OVER)

    @property
    def bills_again(self) -> bool:
        """Whether the next charge comes by itself."""
        cancelled = self.subscription in ("active", "trialing") and self.ends and self.ends <= self.period_end
        return self.runs and not cancelled

    def opens(self, now: float) -> bool:
        """Whether the buyer may use the product then."""
        if self.ends and self.ends <= now:
            return False
        return self.status in OPENS or (self.status == "past_due" and self.period_start > now - GRACE)


def of(session: dict[str, Any]) -> Truth:
    """What a Checkout Session and all that hangs on it say now."""
    if session["status"] != "complete":
        return Truth(session["status"])
    if session["mode"] == "subscription":
        return of_subscription(storage.get(session["subscription"]) or {})
    intent = storage.get(session["payment_intent"] or "")
    if intent is None:  # nothing was to pay
        return Truth("paid")
    if intent["status"] != "succeeded":
        return Truth("failed" if intent["status"] == "requires_payment_method" else "processing")
    return Truth(_of_charge(intent["latest_charge"]) or "paid")


def of_subscription(subscription: dict[str, Any]) -> Truth:
    """What a subscription says now; a refund or dispute of the last paid period closes it, and cancels nothing."""
    status = OVER.get(subscription["status"], subscription["status"])
    (item,) = subscription["items"]["data"]
    if status in RUNNING:
        newest = _charge_of_invoice(_last_paid_invoice(subscription["id"]))
        taken_back = _of_charge(newest) if newest else None
        if taken_back and taken_back != "partially_refunded":
            status = taken_back
    return Truth(
        status,
        subscription["cancel_at"],
        item["current_period_start"],
        item["current_period_end"],
        subscription["status"],
    )


def running() -> list[dict[str, Any]]:
    """Subscriptions that have not ended."""
    return [row for row in storage.find("subscription") if row["status"] not in OVER]


def charges_again(subscription: dict[str, Any]) -> bool:
    """Whether a running subscription is charged once more: not if it ends with a period that is paid."""
    period_end = subscription["items"]["data"][0]["current_period_end"]
    ends = subscription["cancel_at"] or (period_end if subscription["cancel_at_period_end"] else None)
    return subscription["status"] not in ("active", "trialing") or ends is None or ends > period_end


def _last_paid_invoice(subscription_id: str) -> str | None:
    """The newest one that is paid for a period: an unpaid renewal, or a change of plan over nothing, is no payment."""
    paid = storage.find(
        "invoice",
        ("parent.subscription_details.subscription", "=", subscription_id),
        ("status", "=", "paid"),
    )
    return next(
        (row["id"] for row in paid if row["billing_reason"] in BEGINS_A_PERIOD or row["amount_paid"]), None
    )


def _charge_of_invoice(invoice: str | None) -> str | None:
    for row in storage.find("invoice_payment", ("invoice", "=", invoice)):
        intent = storage.get(row["payment"].get("payment_intent") or "")
        if intent:
            return intent["latest_charge"]  # type: ignore[no-any-return]
    return None


def _of_charge(charge_id: str) -> str | None:
    charge = storage.get(charge_id) or {}
    disputes = storage.find("dispute", ("charge", "=", charge_id))
    if disputes and disputes[0]["status"] in SUSPENDS:
        return "disputed"
    if disputes and disputes[0]["status"] == "lost":
        return "dispute_lost"
    back = sum(
        refund["amount"]
        for refund in storage.find("refund", ("charge", "=", charge_id))
        if refund["status"] in ("pending", "succeeded", "requires_action")
    )
    if not back:
        return None
    return "refunded" if back == charge["amount"] else "partially_refunded"


MAIL_OF_ARRIVAL = {
    "processing": "waiting",
    "failed": "failed",
    "past_due": "renewal_failed",
    "unpaid": "suspended",
    "paused": "suspended",
    "disputed": "suspended",
    "canceled": "ended",
    "partially_refunded": "refunded",
    "refunded": "refunded",
}
NOTHING_YET = {"open", "processing", "incomplete", "failed", "expired"}


def mails_owed(changes: list[StatusChange]) -> set[tuple[str, str]]:
    """(kind, about) of every mail that this timeline is worth. The notice of a trial's end is not among them."""
    owed = set()
    for change in changes:
        kind = MAIL_OF_ARRIVAL.get(change.to_status)
        if change.to_status in ("paid", "trialing", "active") and change.from_status in NOTHING_YET:
            kind = "confirmed"
        if kind and change.from_status:
            owed.add((kind, f"v{change.version}"))
    return owed
