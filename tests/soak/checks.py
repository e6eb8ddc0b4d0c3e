"""Compare the store's rows, pages and e-mails with the founder's rules (truth.py)."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from django.test import Client
from django.urls import reverse

from apps.ecommerce.models import Mail, Payment, Purchase
from apps.ecommerce.models.payments import COPIED_FIELDS
from apps.ecommerce.purchases.anomalies import billed_without_account
from apps.ecommerce.purchases.entitlements import has_access
from apps.ecommerce.purchases.messages.status_messages import status_message
from apps.ecommerce.purchases.personal_data import deletion_blocker

from .truth import (
    INVOICE_ROWS,
    Stripe,
    Truth,
    expected_dispute_emails,
    expected_emails,
    expected_refund_emails,
)
from .truth import Payment as StripePayment

ROW_STATUSES = {"incomplete_expired": "expired"}  # other statuses have Stripe's names
WITH_ACCESS = {"paid", "trialing", "active", "past_due"}
ORDERS = {Mail.Kind.CONFIRMED, Mail.Kind.RECEIPT}


def shows(row: Purchase, truth: Truth) -> bool:
    """Return whether the row has this state: its status, its end, and whether access is suspended."""
    ends = row.cancel_at and row.cancel_at.timestamp()
    same = (row.status, row.subscription_status, ends) == (
        ROW_STATUSES.get(truth.status, truth.status),
        truth.status if truth.subscription else "",
        truth.ends,
    )
    return same and (row.status not in WITH_ACCESS or bool(row.suspended_by) == truth.is_suspended)


def check_access(row: Purchase, moments: Sequence[Truth]) -> None:
    """Check access now, if the store knows one of these moments."""
    now = time.time()
    if row.revoked_at:
        assert not has_access(row), "access although the operator has revoked it"
    elif has_access(row):
        assert any(moment.may_open(now) for moment in moments), f"access without payment: {moments[-1]}"
    else:
        assert not all(moment.must_open(now) for moment in moments), f"no access, but paid: {moments[-1]}"


def check_billing(row: Purchase, truth: Truth) -> None:
    is_not_synced = bool(row.subscription_id) and not row.subscription_status  # killed while it was imported
    assert row.has_running_subscription == (truth.is_running or is_not_synced), (
        "a running subscription can't be managed"
    )
    if truth.is_running:
        assert status_message(row).action != "retry", "a second subscription is offered"
    if truth.is_billing:
        is_known = row.user or row.is_unclaimed or row in billed_without_account()
        assert is_known, "a deleted account is charged again"
        assert not row.user or deletion_blocker(row.user), "an account could be deleted that is charged again"


def check_can_cancel(row: Purchase, truth: Truth, browser: Client) -> None:
    """Check that the order page of a running subscription leads to Stripe's portal, and cancels one that is billed."""
    page = browser.get(row.get_absolute_url()).content.decode()
    assert (f'action="{reverse("purchase_manage", args=[row.public_id])}"' in page) == truth.is_running, (
        "a running subscription has no button for the portal"
    )
    assert (f'action="{reverse("purchase_cancel", args=[row.public_id])}"' in page) == truth.is_billing, (
        "a buyer who is charged again has no button to cancel"
    )


def check_reversals(truth: Truth, settings: Any) -> None:
    """Check that the settings stop billing after a reversal. A refund is not final while a bank decides."""
    if settings.CANCEL_AFTER_LOST_DISPUTE:
        assert not (truth.is_lost and truth.is_billing), "billing goes on after a lost dispute"
    if settings.CANCEL_AFTER_REFUND and not any(payment.charged_back for payment in truth.current):
        assert not (truth.is_refunded and truth.is_billing), "billing goes on after a full refund"


def check_owner(row: Purchase, truth: Truth) -> None:
    assert not truth.paid or row.user or row.email, "a paid purchase has neither account nor e-mail address"


# --- money -------------------------------------------------------------------------------------------------


def check_payments(row: Purchase, truth: Truth) -> None:
    """Compare the rows with Stripe's payments, to the cent."""
    rows = {payment.stripe_id: payment for payment in row.payments.all()}
    known = {payment.id: payment for payment in truth.payments}
    if truth.subscription or truth.paid:
        assert rows.keys() == known.keys(), "the store does not have the same payments as Stripe"
    for stripe_id in rows.keys() & known.keys():
        _check_payment(rows[stripe_id], known[stripe_id], truth)
    for name, theirs in (("paid", "charged"), ("refunded", "refunded")):
        ours = sum(getattr(payment, f"amount_{name}") for payment in rows.values())
        assert ours == sum(getattr(payment, theirs) for payment in truth.payments), f"sums differ: {name}"


def _check_payment(row: Payment, known: StripePayment, truth: Truth) -> None:
    statuses = INVOICE_ROWS.get(known.status, {known.status}) if truth.subscription else {known.status}
    assert row.status in statuses, f"a payment is {known.status} at Stripe, but {row.status} in the store"
    assert row.amount_paid == known.charged, "the paid amount differs from Stripe's charge"
    assert row.amount_refunded == known.refunded, "the refunded amount differs from Stripe's refunds"
    assert not known.charged or row.currency == known.currency, "the currency differs"
    if truth.subscription:
        assert row.period_end is None or row.period_end.timestamp() == known.period_end, "the period differs"
    disputes = {dispute.status for dispute in known.disputes if dispute.takes_money} or {
        dispute.status for dispute in known.disputes
    }
    assert row.dispute_status in (disputes or {""}), f"disputes are {disputes}, but {row.dispute_status}"


def describe_payments() -> list[tuple[object, ...]]:
    """Return what the store knows about payments, in an order that does not depend on when it was stored."""
    return list(Payment.objects.order_by("stripe_id").values_list("purchase", *COPIED_FIELDS))


def check_balance(rows: Mapping[str, Purchase], stripe: Stripe) -> None:
    """Check that the amounts of all rows add up to Stripe's balance. Unknown purchases count as at Stripe."""
    sums: Counter[str] = Counter()
    for key, truth in stripe.truths({}).items():
        for payment in truth.payments:
            sums[payment.currency] -= payment.charged_back
            if key not in rows:
                sums[payment.currency] += payment.charged - payment.refunded
        for row in rows[key].payments.all() if key in rows else ():
            sums[row.currency] += row.amount_paid - row.amount_refunded
    ours = {currency: amount for currency, amount in sums.items() if amount}
    assert ours == stripe.balance(), "the sums of payments differ from Stripe's balance transactions"


# --- e-mails -----------------------------------------------------------------------------------------------


def check_emails(row: Purchase, history: Sequence[Truth], *, imported: bool) -> None:
    """Check that each event has one e-mail. What happened before an import may be unknown."""
    mails, payments = list(row.mails.all()), history[-1].payments
    was_revoked = any(change.suspended_by == "revoked" for change in row.changes.all())
    may_miss = imported or was_revoked  # no e-mail says that access is back while it is revoked
    kinds = Counter("order" if mail.kind in ORDERS else str(mail.kind) for mail in mails)
    for kind, (fewest, most) in expected_emails(history).items():
        assert (0 if may_miss else fewest) <= kinds[kind] <= most, (
            f"{kinds[kind]} e-mails {kind}, not {fewest} to {most}: {[(mail.kind, mail.about) for mail in mails]}"
        )
    refunds = Counter((mail.about, mail.amount) for mail in mails if mail.kind == Mail.Kind.REFUNDED)
    _check_emails_about("refund", refunds, expected_refund_emails(payments), imported)
    disputes = Counter(mail.about for mail in mails if mail.kind == Mail.Kind.DISPUTED)
    _check_emails_about("dispute", disputes, expected_dispute_emails(payments), imported)


def _check_emails_about(
    name: str, told: Counter[Any], expected: Mapping[Any, tuple[int, int]], imported: bool
) -> None:
    assert told.keys() <= expected.keys(), f"an e-mail about a {name} that Stripe does not know"
    for key, (fewest, most) in expected.items():
        assert (0 if imported else fewest) <= told[key] <= most, (
            f"{told[key]} e-mails about a {name}, not {fewest} to {most}"
        )


def check_timeline(row: Purchase) -> None:
    changes = list(row.changes.order_by("version"))
    assert changes[-1].to_status == row.status, "the last status change differs from the status"
    assert changes[-1].suspended_by == row.suspension, "the last status change differs from the suspension"
    for a, b in pairwise(changes):
        assert a.to_status == b.from_status, "a status is missing in the timeline"
        assert (a.to_status, a.suspended_by) != (b.to_status, b.suspended_by), "a change without a change"
