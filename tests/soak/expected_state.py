"""The state that the store should show, computed from Stripe's stored objects without the store's derive_status.

The access policy is repeated here on purpose: a change of policy must change both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from apps.ecommerce.models import StatusChange
from stripe_sandbox import storage

DAY = 86400
GRACE = 7 * DAY
GRANTS_ACCESS = {"paid", "partially_refunded", "trialing", "active"}
RUNNING = {"trialing", "active", "past_due"}
ENDED = {"canceled": "canceled", "incomplete_expired": "expired"}
PERIOD_REASONS = {"subscription_create", "subscription_cycle"}
OPEN_DISPUTES = {"needs_response", "under_review"}


@dataclass(frozen=True)
class ExpectedState:
    """A purchase's state at one moment. Times in Unix seconds."""

    status: str
    ends: int | None = None
    period_start: int = 0
    period_end: int = 0
    subscription: str = ""  # the subscription's status at Stripe

    @property
    def is_running(self) -> bool:
        """Return whether the subscription can be charged, managed and canceled."""
        return self.subscription not in ("", *ENDED)

    @property
    def is_billing(self) -> bool:
        """Return whether Stripe will charge again."""
        cancelled = self.subscription in ("active", "trialing") and self.ends and self.ends <= self.period_end
        return self.is_running and not cancelled

    def grants_access(self, now: float) -> bool:
        """Return whether the buyer may use the product at this time."""
        if self.ends and self.ends <= now:
            return False
        return self.status in GRANTS_ACCESS or (self.status == "past_due" and self.period_start > now - GRACE)


def expected_for_session(session: dict[str, Any]) -> ExpectedState:
    """Return the current state of a Checkout Session's purchase."""
    if session["status"] != "complete":
        return ExpectedState(session["status"])
    if session["mode"] == "subscription":
        return expected_for_subscription(storage.get(session["subscription"]) or {})
    intent = storage.get(session["payment_intent"] or "")
    if intent is None:  # a free purchase
        return ExpectedState("paid")
    if intent["status"] != "succeeded":
        return ExpectedState("failed" if intent["status"] == "requires_payment_method" else "processing")
    return ExpectedState(_charge_status(intent["latest_charge"]) or "paid")


def expected_for_subscription(subscription: dict[str, Any]) -> ExpectedState:
    """Return a subscription's current state. A refund or dispute of the last paid period only closes access."""
    status = ENDED.get(subscription["status"], subscription["status"])
    (item,) = subscription["items"]["data"]
    if status in RUNNING:
        newest = _charge_of_invoice(_last_paid_invoice(subscription["id"]))
        suspension = _charge_status(newest) if newest else None
        if suspension and suspension != "partially_refunded":
            status = suspension
    return ExpectedState(
        status,
        subscription["cancel_at"],
        item["current_period_start"],
        item["current_period_end"],
        subscription["status"],
    )


def running_subscriptions() -> list[dict[str, Any]]:
    return [row for row in storage.find("subscription") if row["status"] not in ENDED]


def is_charged_again(subscription: dict[str, Any]) -> bool:
    """Return whether a running subscription is charged again after its paid period."""
    period_end = subscription["items"]["data"][0]["current_period_end"]
    ends = subscription["cancel_at"] or (period_end if subscription["cancel_at_period_end"] else None)
    return subscription["status"] not in ("active", "trialing") or ends is None or ends > period_end


def _last_paid_invoice(subscription_id: str) -> str | None:
    """Return the newest paid invoice of a period. Plan changes without payment do not count."""
    paid = storage.find(
        "invoice",
        ("parent.subscription_details.subscription", "=", subscription_id),
        ("status", "=", "paid"),
    )
    return next(
        (row["id"] for row in paid if row["billing_reason"] in PERIOD_REASONS or row["amount_paid"]), None
    )


def _charge_of_invoice(invoice: str | None) -> str | None:
    for row in storage.find("invoice_payment", ("invoice", "=", invoice)):
        intent = storage.get(row["payment"].get("payment_intent") or "")
        if intent:
            return intent["latest_charge"]  # type: ignore[no-any-return]
    return None


def _charge_status(charge_id: str) -> str | None:
    charge = storage.get(charge_id) or {}
    disputes = storage.find("dispute", ("charge", "=", charge_id))
    if disputes and disputes[0]["status"] in OPEN_DISPUTES:
        return "disputed"
    if disputes and disputes[0]["status"] == "lost":
        return "dispute_lost"
    refunded = sum(
        refund["amount"]
        for refund in storage.find("refund", ("charge", "=", charge_id))
        if refund["status"] in ("pending", "succeeded", "requires_action")
    )
    if not refunded:
        return None
    return "refunded" if refunded == charge["amount"] else "partially_refunded"


EMAIL_KINDS = {
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
BEFORE_ACCESS = {"open", "processing", "incomplete", "failed", "expired"}


def expected_emails(changes: list[StatusChange]) -> set[tuple[str, str]]:
    """Return (kind, about) of this timeline's e-mails, except the notice of a trial's end."""
    expected = set()
    for change in changes:
        kind = EMAIL_KINDS.get(change.to_status)
        if change.to_status in ("paid", "trialing", "active") and change.from_status in BEFORE_ACCESS:
            kind = "confirmed"
        if kind and change.from_status:
            expected.add((kind, f"v{change.version}"))
    return expected
