"""The founder's rules: who has access, who is billed, and which e-mails a buyer has to get.

They follow docs/ and Stripe's documentation. Everything is computed from the objects that Stripe stores and from
time; nothing here knows the store's code. `checks.py` compares the store with these rules.

https://docs.stripe.com/billing/subscriptions/overview, /billing/subscriptions/cancel, /refunds and /disputes
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from stripe_sandbox import storage

HOUR, DAY = 3600, 86400
GRACE = 7 * DAY
"""How long somebody who has paid before keeps access while a renewal is unpaid."""
MIN_CHARGING, MAX_CHARGING = HOUR, 3 * HOUR
"""A renewal's invoice is a draft for about an hour. Until then nobody has tried to charge the buyer."""

ENDED = {"canceled", "incomplete_expired"}
REFUNDED = {"pending", "requires_action", "succeeded"}  # other refunds did not move money
CHARGEBACKS = {"needs_response", "under_review", "appeal_needs_response", "appeal_under_review", "lost"}
PERIODS = {"subscription_create", "subscription_cycle"}  # billing reasons of invoices for a whole period
INVOICE_ROWS = {"paid": {"paid"}, "open": {"open", "processing", "failed"}, "void": {"void"},
                "uncollectible": {"uncollectible"}}  # fmt: skip


@dataclass(frozen=True)
class Refund:
    id: str
    amount: int
    status: str

    @property
    def moves_money(self) -> bool:
        return self.status in REFUNDED


@dataclass(frozen=True)
class Dispute:
    id: str
    amount: int
    status: str

    @property
    def takes_money(self) -> bool:
        """Return whether the bank has the money: an inquiry does not take it, a won dispute gives it back."""
        return self.status in CHARGEBACKS


@dataclass(frozen=True)
class Payment:
    """An invoice that is not a draft, or the payment of a one-time purchase. Amounts in minor units."""

    id: str
    status: str
    created: int
    period_end: int = 0
    reason: str = ""
    currency: str = ""
    subtotal: int = 0  # before coupons
    total: int = 0
    charged: int = 0
    refunds: tuple[Refund, ...] = ()
    disputes: tuple[Dispute, ...] = ()

    @property
    def is_paid(self) -> bool:
        return self.status == "paid"

    @property
    def refunded(self) -> int:
        return sum(refund.amount for refund in self.refunds if refund.moves_money)

    @property
    def charged_back(self) -> int:
        return sum(dispute.amount for dispute in self.disputes if dispute.takes_money)

    @property
    def pays_for_period(self) -> bool:
        """Return whether it is paid, perhaps by credit or coupon, and not about a plan change that costs nothing."""
        return self.is_paid and bool(self.period_end) and (self.subtotal > 0 or self.reason in PERIODS)

    @property
    def is_credit(self) -> bool:
        """Return whether what was paid before covers a change, because the new plan costs no more."""
        return self.is_paid and self.total <= 0


@dataclass(frozen=True)
class Truth:
    """A purchase at one moment. Times in Unix seconds."""

    status: str
    """Of a subscription Stripe's own; of a one-time purchase: open, expired, processing, failed or paid."""
    subscription: str = ""
    payments: tuple[Payment, ...] = ()  # newest first
    ends: int | None = None
    period_end: int = 0
    price: str = ""
    has_trial: bool = False
    upgraded: Truth | None = None
    """The licence whose price was counted: the buyer paid only the difference, so both are paid or none."""

    # --- billing -------------------------------------------------------------------------------------------

    @property
    def is_running(self) -> bool:
        return bool(self.subscription) and self.status not in ENDED

    @property
    def is_billing(self) -> bool:
        """Return whether Stripe charges until the subscription is canceled. Refunds and disputes don't stop that."""
        stops = self.status in ("active", "trialing") and self.ends and self.ends <= self.period_end
        return self.is_running and not stops

    @property
    def credit(self) -> tuple[int, int]:
        """Return the smallest and the largest credit of an upgrade: the store may not know of a refund yet."""
        charged = sum(payment.charged for payment in self.paid)
        least, most = self.upgraded.credit if self.upgraded else (0, 0)
        return least + charged - sum(payment.refunded for payment in self.paid), most + charged

    # --- access --------------------------------------------------------------------------------------------

    @property
    def has_paid(self) -> bool:
        return any(payment.charged for payment in self.payments if payment.is_paid)

    @property
    def paid(self) -> tuple[Payment, ...]:
        return tuple(payment for payment in self.payments if payment.is_paid)

    @property
    def paid_until(self) -> int:
        """Return the end of the newest paid period. A later change to a cheaper plan may end it earlier."""
        if not self._newest_period:
            return 0
        newer = self.payments[: self.payments.index(self._newest_period)]
        credits = [payment.period_end for payment in newer if payment.is_credit and payment.period_end]
        return min([self._newest_period.period_end, *credits])

    @property
    def _newest_period(self) -> Payment | None:
        return next((payment for payment in self.payments if payment.pays_for_period), None)

    @property
    def unpaid_since(self) -> int:
        """Return when the first unpaid invoice after the newest paid one was created; 0 if there is none."""
        since = 0
        for payment in self.payments:
            if payment.pays_for_period:
                break
            since = since if payment.is_paid else payment.created
        return since

    @property
    def is_suspended(self) -> bool:
        """Return whether all payments for the current period were refunded, or a bank has taken money back."""
        if self.upgraded and self.upgraded.is_suspended:
            return True
        return self.is_refunded or any(payment.charged_back for payment in self.current)

    @property
    def is_refunded(self) -> bool:
        charged = sum(payment.charged for payment in self.current)
        return 0 < charged <= sum(payment.refunded for payment in self.current)

    @property
    def is_lost(self) -> bool:
        return any(dispute.status == "lost" for payment in self.current for dispute in payment.disputes)

    @property
    def current(self) -> tuple[Payment, ...]:
        """Return the payments for the current period, or of a one-time purchase.

        If a credit pays for the period, the payment of the longer one that left the credit is among them.
        """
        if not self.subscription:
            return self.paid
        end = self._newest_period.period_end if self._newest_period else 0
        periods = [payment for payment in self.payments if payment.pays_for_period]
        is_credited = any(row.charged < row.total for row in periods if row.period_end == end)
        return tuple(
            row for row in periods if row.period_end == end or (is_credited and row.period_end > end)
        )

    def may_open(self, now: float) -> bool:
        """Return whether a buyer without access would be a mistake or not: the most generous reading."""
        return self._opens(now, MAX_CHARGING, self.unpaid_since or self.paid_until)

    def must_open(self, now: float) -> bool:
        """Return whether the buyer has to have access: the strictest reading, with no grace after a pause."""
        return self._opens(now, MIN_CHARGING, min(self.unpaid_since or self.paid_until, self.paid_until))

    def _opens(self, now: float, charging: int, grace_from: int) -> bool:
        if self.is_suspended:
            return False
        if not self.subscription:
            return self.status == "paid"
        if self.status not in ("trialing", "active", "past_due") or (self.ends and self.ends <= now):
            return False
        if now < self.paid_until:
            return True
        if self.has_paid:
            return now < grace_from + GRACE
        return bool(self.paid_until) and self.status != "past_due" and now < self.paid_until + charging


# --- what Stripe knows -------------------------------------------------------------------------------------


@dataclass
class Stripe:
    """All stored objects of one moment, grouped by what they belong to."""

    charges: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    refunds: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    disputes: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    invoice_intents: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    invoices: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    subscriptions: dict[str, dict[str, Any]] = field(default_factory=dict)
    sessions: list[dict[str, Any]] = field(default_factory=list)
    intents: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def read(cls) -> Stripe:
        found = cls(sessions=storage.find("checkout.session"))
        for kind, key, groups in (
            ("charge", "payment_intent", found.charges),
            ("refund", "charge", found.refunds),
            ("dispute", "charge", found.disputes),
        ):
            for row in storage.find(kind):
                groups[row[key]].append(row)
        for row in storage.find("invoice_payment"):
            found.invoice_intents[row["invoice"]].append(row["payment"]["payment_intent"])
        for row in storage.find("invoice"):
            details = (row["parent"] or {}).get("subscription_details") or {}
            found.invoices[details.get("subscription", "")].append(row)
        found.subscriptions = {row["id"]: row for row in storage.find("subscription")}
        found.intents = {row["id"]: row for row in storage.find("payment_intent")}
        return found

    def truths(self, upgrades: Mapping[str, str]) -> dict[str, Truth]:
        """Return the truth of each Checkout Session, and of each subscription that was created without one.

        `upgrades` is session ▶ session of the licence that was counted.
        """
        truths = {session["id"]: self.session_truth(session) for session in self.sessions}
        for upgrade, licence in upgrades.items():  # the oldest upgrade first
            truths[upgrade] = replace(truths[upgrade], upgraded=truths[licence])
        sold = {session["subscription"] for session in self.sessions}
        return truths | {key: self.subscription_truth(key) for key in self.subscriptions if key not in sold}

    def session_truth(self, session: dict[str, Any]) -> Truth:
        if session["status"] != "complete":
            return Truth(session["status"])
        if session["mode"] == "subscription":
            return self.subscription_truth(session["subscription"])
        intent = self.intents.get(session["payment_intent"] or "")
        if intent is None or session["payment_status"] == "no_payment_required":
            return Truth("paid")  # free, perhaps by a coupon after a declined card
        key = session["invoice"] or intent["id"]
        status = {"succeeded": "paid", "requires_payment_method": "failed"}.get(
            intent["status"], "processing"
        )
        payment = self._payment(key, status, intent["created"], [intent["id"]])
        return Truth(status, payments=(payment,))

    def subscription_truth(self, subscription_id: str) -> Truth:
        subscription = self.subscriptions[subscription_id]
        payments = tuple(
            self._payment(
                row["id"],
                row["status"],
                row["created"],
                self.invoice_intents[row["id"]],
                period_end=_period_end(row),
                reason=row["billing_reason"],
                subtotal=row["subtotal"],
                total=row["total"],
            )
            for row in self.invoices[subscription_id]
            if row["status"] != "draft"
        )
        return Truth(
            subscription["status"],
            subscription_id,
            payments,
            subscription["cancel_at"],
            min(item["current_period_end"] for item in subscription["items"]["data"]),
            plan_item(subscription)["price"]["id"],
            bool(subscription["trial_start"]),
        )

    def balance(self) -> dict[str, int]:
        """Return currency ▶ the gross amounts of payments, refunds and disputes, without what banks have not paid."""
        sums: dict[str, int] = defaultdict(int)
        for row in storage.find("balance_transaction", ("status", "=", "available")):
            sums[row["currency"]] += row["amount"]
        return {currency: amount for currency, amount in sums.items() if amount}

    def _payment(self, key: str, status: str, created: int, intents: list[str], **values: Any) -> Payment:
        charges = [row for intent in intents for row in self.charges[intent] if row["status"] == "succeeded"]
        refunds = [row for charge in charges for row in self.refunds[charge["id"]]]
        disputes = [row for charge in charges for row in self.disputes[charge["id"]]]
        return Payment(
            key,
            status,
            created,
            currency=charges[0]["currency"] if charges else "",
            charged=sum(charge["amount"] for charge in charges),
            refunds=tuple(Refund(row["id"], row["amount"], row["status"]) for row in refunds),
            disputes=tuple(Dispute(row["id"], row["amount"], row["status"]) for row in disputes),
            **values,
        )

    def billed_twice(self, owners: Mapping[str, object]) -> int:
        """Return how often an owner of customers has several subscriptions to a product that will be charged again."""
        count: dict[tuple[object, str], int] = defaultdict(int)
        for key, row in self.subscriptions.items():
            if row["customer"] in owners and self.subscription_truth(key).is_billing:
                count[owners[row["customer"]], plan_item(row)["price"]["product"]] += 1
        return sum(1 for number in count.values() if number > 1)

    def counts_licence(self, session_id: str) -> bool:
        """Return whether the store has reduced the price by a coupon. Promotion codes are the buyer's."""
        session = next(row for row in self.sessions if row["id"] == session_id)
        return any(discount["coupon"] for discount in session["discounts"] or [])

    def credit(self, session_id: str) -> int:
        session = next(row for row in self.sessions if row["id"] == session_id)
        return int(session["amount_subtotal"] - session["amount_total"])

    def licences(self, session_id: str, of_buyer: Container[str]) -> list[str]:
        """Return the sessions in which the same buyer paid once for the same product, newest first.

        Stripe creates another customer for each payment of a guest, so `of_buyer` are the sessions of the buyer.
        """
        session = next(row for row in self.sessions if row["id"] == session_id)
        return [
            row["id"]
            for row in self.sessions
            if row["mode"] == "payment"
            and (row["id"] in of_buyer or row["customer"] == (session["customer"] or ""))
            and row["id"] != session_id
            and self.session_truth(row).paid
            and _sold_product(row["id"]) == _sold_product(session_id)
        ]

    def sold_twice(self) -> bool:
        """Return whether Checkout sold a customer a second subscription to a product while one was running.

        Subscriptions that changed to a plan of another product do not count: that was done at Stripe.
        """
        sold: list[tuple[str, str]] = []
        for session in self.sessions:
            subscription = self.subscriptions.get(session["subscription"] or "")
            if subscription and subscription["status"] not in ENDED:
                product = _sold_product(session["id"])
                if plan_item(subscription)["price"]["product"] == product:
                    sold.append((subscription["customer"], product))
        return len(sold) != len(set(sold))


def plan_item(subscription: dict[str, Any]) -> dict[str, Any]:
    """Return the first item that the subscription had. Add-ons come later, and Stripe lists new items first."""
    return subscription["items"]["data"][-1]  # type: ignore[no-any-return]


def _sold_product(session_id: str) -> str:
    return str(storage.find("item", parent=session_id)[0]["price"]["product"])


def _period_end(invoice: dict[str, Any]) -> int:
    """Return until when the invoice's lines pay; prorations pay for the rest of the period, credits for nothing.

    A line that the same invoice credits, of an add-on that was added and removed, pays for nothing, too.
    """
    lines = [line for line in invoice["lines"]["data"] if line["subscription"]]
    credited = [(_line_item(line), -line["amount"]) for line in lines if line["amount"] < 0]
    paid = [
        line for line in lines if line["amount"] >= 0 and (_line_item(line), line["amount"]) not in credited
    ]
    return max((line["period"]["end"] for line in paid), default=0)


def _line_item(line: dict[str, Any]) -> str:
    return str(line["parent"]["subscription_item_details"]["subscription_item"])


# --- e-mails that have to be sent -----------------------------------------------------------------------------------


def times_entered(history: Sequence[Truth], *statuses: str) -> int:
    """Return how often the purchase came into one of these statuses."""
    return sum(1 for a, b in pairwise(history) if b.status in statuses and a.status != b.status)


def times_restored(history: Sequence[Truth]) -> int:
    return sum(1 for a, b in pairwise(history) if a.is_suspended and not b.is_suspended)


def expected_emails(history: Sequence[Truth]) -> dict[str, tuple[int, int]]:
    """Return kind ▶ the fewest and the most e-mails about a purchase with these states, the oldest first.

    "order" stands for confirmations and receipts: one for each payment, and one for a purchase that begins without one,
    unless that had ended before the store knew of it.
    """
    now = history[-1]
    begins_free = (bool(now.paid) and not now.paid[-1].charged) or (now.status == "paid" and not now.payments)
    orders = sum(1 for payment in now.paid if payment.charged)
    bounds = {"order": (orders, orders + begins_free), "trial_ending": (0, int(now.has_trial))}
    for kind, statuses in (
        ("waiting", ["processing"]),
        ("failed", ["failed"]),
        ("renewal_failed", ["past_due"]),
        ("ended", ["canceled"]),
    ):
        bounds[kind] = (int(now.status in statuses), times_entered(history, *statuses))
    suspended = ("unpaid", "paused")
    bounds["suspended"] = (int(now.status in suspended), times_entered(history, *suspended))
    bounds["restored"] = (0, times_restored(history))
    pairs = [(a, b) for a, b in pairwise(history) if b.subscription]
    bounds["plan_changed"] = (0, sum(1 for a, b in pairs if a.price and a.price != b.price))
    is_running = now.status in ("trialing", "active", "past_due")
    was_stopped = any(moment.status in suspended for moment in history)
    ending = int(bool(now.ends) and is_running and not was_stopped)
    bounds["ending"] = (ending, sum(1 for a, b in pairs if b.ends and not a.ends))
    return bounds


def expected_refund_emails(payments: Iterable[Payment]) -> dict[tuple[str, int], tuple[int, int]]:
    """Return (refund, amount) ▶ the fewest and the most e-mails. A refund may fail before the store knows of it."""
    refunds = [refund for payment in payments for refund in payment.refunds]
    return {(refund.id, refund.amount): (int(refund.moves_money), 1) for refund in refunds}


def expected_dispute_emails(payments: Iterable[Payment]) -> dict[str, tuple[int, int]]:
    """Return dispute ▶ the fewest and the most e-mails. An inquiry, or a dispute that is over, needs none."""
    disputes = [dispute for payment in payments for dispute in payment.disputes]
    return {dispute.id: (int(dispute.takes_money), 1) for dispute in disputes}
