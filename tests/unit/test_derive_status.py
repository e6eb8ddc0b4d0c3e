"""The purchase's status and suspension for each state at Stripe."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.ecommerce.models import ACCESS_STATUSES, Payment, Suspension
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.entitlements import DISPUTE_SUSPENSION, suspension
from apps.ecommerce.purchases.payments.stored_payments import payment_values
from apps.ecommerce.purchases.stripe_state import SUBSCRIPTION_STATUS, StripeState, derive_status


def state(session_status: str = "complete", payment_status: str = "paid", **more: object) -> StripeState:
    return StripeState(session_status=session_status, payment_status=payment_status, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("stripe_state", "status"),
    [
        (state("open", "unpaid"), Status.OPEN),
        (state("open", "unpaid", intent_status="requires_payment_method"), Status.OPEN),
        (state("expired", "unpaid"), Status.EXPIRED),
        (state("complete", "paid"), Status.PAID),
        (state("complete", "no_payment_required"), Status.PAID),
        (state("complete", "unpaid"), Status.PROCESSING),
        (state("complete", "unpaid", intent_status="processing"), Status.PROCESSING),
        (state("complete", "unpaid", intent_status="requires_payment_method"), Status.FAILED),
        (state("complete", "unpaid", intent_status="canceled"), Status.FAILED),
        (state("complete", "paid", subscription_status="trialing"), Status.TRIALING),
        (state("complete", "no_payment_required", subscription_status="active"), Status.ACTIVE),
        (state("complete", "unpaid", subscription_status="incomplete"), Status.INCOMPLETE),
        (state("complete", "paid", subscription_status="canceled"), Status.CANCELED),
        (state("complete", "paid", subscription_status="a status of 2031"), Status.INCOMPLETE),
    ],
)
def test_each_stripe_state_has_its_status(stripe_state: StripeState, status: Status) -> None:
    assert derive_status(stripe_state) == status


text = st.one_of(st.none(), st.text(max_size=12))
anything = st.builds(
    StripeState,
    session_status=st.one_of(st.sampled_from(["open", "complete", "expired"]), text),
    payment_status=st.one_of(
        st.sampled_from(["paid", "unpaid", "no_payment_required"]), st.text(max_size=12)
    ),
    subscription_status=st.one_of(st.sampled_from([*SUBSCRIPTION_STATUS]), text),
    intent_status=text,
)


@given(anything)
def test_access_requires_a_complete_session_and_payment_or_active_subscription(
    stripe_state: StripeState,
) -> None:
    if derive_status(stripe_state) in ACCESS_STATUSES:
        assert stripe_state.session_status == "complete"
        if stripe_state.subscription_status is None:
            assert stripe_state.payment_status in ("paid", "no_payment_required")
        else:
            assert stripe_state.subscription_status in ("trialing", "active", "past_due")


def test_statuses_that_grant_access() -> None:
    assert {"paid", "trialing", "active", "past_due"} == ACCESS_STATUSES


@given(anything)
def test_paid_purchase_is_never_failed(stripe_state: StripeState) -> None:
    if derive_status(stripe_state) == Status.FAILED:
        assert stripe_state.payment_status not in ("paid", "no_payment_required")


# --- suspension -------------------------------------------------------------------------------------------
NOW = datetime(2030, 1, 1, tzinfo=UTC)
MONTH = timedelta(days=30)


def payment(**fields: Any) -> Payment:
    values: dict[str, Any] = {"status": Payment.Status.PAID, "amount_total": 900, "created_at": NOW}
    values["amount_paid"] = 900 if fields.get("status", values["status"]) == Payment.Status.PAID else 0
    return Payment(**(values | fields))


@pytest.mark.parametrize(
    ("current", "suspended_by"),
    [
        ([], ""),
        ([payment()], ""),
        ([payment(amount_total=0, amount_paid=0)], ""),
        ([payment(amount_refunded=1)], ""),
        ([payment(amount_refunded=900)], Suspension.REFUNDED),
        ([payment(amount_refunded=900, dispute_status="needs_response")], Suspension.DISPUTED),
        ([payment(dispute_status="needs_response")], Suspension.DISPUTED),
        ([payment(dispute_status="under_review")], Suspension.DISPUTED),
        ([payment(dispute_status="appeal_needs_response")], Suspension.DISPUTED),
        ([payment(dispute_status="appeal_under_review")], Suspension.DISPUTED),
        ([payment(dispute_status="lost")], Suspension.DISPUTE_LOST),
        ([payment(dispute_status="a status of 2031")], Suspension.DISPUTED),
        ([payment(dispute_status="won")], ""),
        ([payment(dispute_status="prevented")], ""),
        ([payment(dispute_status="warning_needs_response")], ""),
        ([payment(dispute_status="warning_under_review")], ""),
        ([payment(dispute_status="warning_closed")], ""),
        ([payment(dispute_status="won", amount_refunded=900)], Suspension.REFUNDED),
        # Two invoices of one period, such as a renewal and a change of plan.
        ([payment(amount_refunded=900), payment(amount_refunded=899)], ""),
        ([payment(amount_refunded=900), payment(amount_refunded=900)], Suspension.REFUNDED),
        ([payment(), payment(dispute_status="under_review")], Suspension.DISPUTED),
        ([payment(dispute_status="lost"), payment(dispute_status="under_review")], Suspension.DISPUTE_LOST),
    ],
)
def test_payments_for_the_current_period_suspend_access(current: list[Payment], suspended_by: str) -> None:
    assert suspension(current, []) == suspended_by


@pytest.mark.parametrize(
    "fields", [{"amount_refunded": 900}, *({"dispute_status": name} for name in DISPUTE_SUSPENSION)]
)
def test_payments_for_earlier_periods_do_not_suspend_access(fields: dict[str, Any]) -> None:
    assert suspension([payment()], [payment(**fields)]) == ""


@pytest.mark.parametrize(
    ("fields", "suspended_by"),
    [
        ({"dispute_status": "lost"}, Suspension.DISPUTE_LOST),
        ({"dispute_status": "under_review"}, ""),
        ({"dispute_status": "won"}, ""),
        ({"amount_refunded": 900}, ""),
    ],
)
def test_setting_lets_lost_disputes_suspend_later_periods(
    settings: Any, fields: dict[str, Any], suspended_by: str
) -> None:
    settings.LOST_DISPUTES_SUSPEND_LATER_PERIODS = True
    assert suspension([payment()], [payment(**fields)]) == suspended_by


# --- payment_values ---------------------------------------------------------------------------------------
def invoice(period: int, **fields: Any) -> Payment:
    """Return the payment for the period that starts after this number of months."""
    start = NOW + period * MONTH
    times = {"created_at": start, "period_start": start, "period_end": start + MONTH}
    defaults = {"reason": "subscription_cycle" if period else "subscription_create", **times}
    return payment(**defaults | {"amount_subtotal": fields.get("amount_total", 900)} | fields)


def subscription(status: str = "active", trial_end: datetime | None = None) -> dict[str, Any]:
    return {"status": status, "trial_end": int(trial_end.timestamp()) if trial_end else None}


UNPAID_STATUSES = [Payment.Status.OPEN, Payment.Status.FAILED, Payment.Status.UNCOLLECTIBLE]
END = [NOW + (period + 1) * MONTH for period in range(4)]


def test_purchase_without_payments_has_default_values() -> None:
    values: dict[str, Any] = {"has_paid": False, "amount_refunded": 0, "suspended_by": ""}
    assert payment_values([], None) == values
    assert payment_values([], subscription()) == values | {"paid_until": None, "past_due_since": None}


def test_one_time_purchase_has_no_period() -> None:
    values = payment_values([payment(amount_refunded=900)], None)
    assert values == {"has_paid": True, "amount_refunded": 900, "suspended_by": Suspension.REFUNDED}


def test_newest_paid_period_counts() -> None:
    values = payment_values([invoice(2), invoice(1, amount_refunded=900), invoice(0)], subscription())
    assert (values["paid_until"], values["suspended_by"], values["amount_refunded"]) == (END[2], "", 0)


@pytest.mark.parametrize("status", [status for status in Payment.Status if status != Payment.Status.PAID])
def test_unpaid_invoice_changes_no_access(status: str) -> None:
    """A refunded period stays refunded until a newer one is paid."""
    refunded = [invoice(1, amount_refunded=900), invoice(0)]
    values = payment_values([invoice(2, status=status), *refunded], subscription("past_due"))
    assert (values["paid_until"], values["suspended_by"]) == (END[1], Suspension.REFUNDED)
    assert values["amount_refunded"] == 900
    values = payment_values([invoice(2), *refunded], subscription())
    assert (values["paid_until"], values["suspended_by"]) == (END[2], "")


def test_plan_change_belongs_to_its_period() -> None:
    change = invoice(0, reason="subscription_update", created_at=NOW + MONTH / 2)
    payments = [change, invoice(0, amount_refunded=900)]
    values = payment_values(payments, subscription())
    assert (values["paid_until"], values["suspended_by"], values["amount_refunded"]) == (END[0], "", 900)
    change.amount_refunded = 900
    assert payment_values(payments, subscription())["suspended_by"] == Suspension.REFUNDED


def test_free_plan_change_pays_for_no_period() -> None:
    """Stripe creates an invoice over $0 for a change without proration."""
    free = invoice(1, reason="subscription_update", amount_total=0, amount_paid=0)
    assert payment_values([free, invoice(0)], subscription())["paid_until"] == END[0]


def test_trial_is_a_paid_period_without_money() -> None:
    trial = invoice(0, amount_total=0, amount_paid=0)
    values = payment_values([trial], subscription("trialing"))
    assert (values["paid_until"], values["has_paid"]) == (END[0], False)
    values = payment_values([invoice(1), trial], subscription())
    assert (values["paid_until"], values["has_paid"]) == (END[1], True)


def test_extended_trial_lasts_until_its_end() -> None:
    trial = invoice(0, amount_total=0, amount_paid=0)
    extended = payment_values([trial], subscription("trialing", END[1]))
    assert (extended["paid_until"], extended["has_paid"]) == (END[1], False)
    renewed = payment_values([invoice(2), trial], subscription("active", END[1]))
    assert renewed["paid_until"] == END[2]


def test_shorter_plan_replaces_a_longer_period() -> None:
    change = invoice(1, reason="subscription_update")
    values = payment_values([change, invoice(0, period_end=END[3], amount_refunded=900)], subscription())
    assert (values["paid_until"], values["suspended_by"]) == (END[1], "")


@pytest.mark.parametrize("months", [0, 3])
def test_add_on_with_another_period_does_not_change_the_plan(months: int) -> None:
    """An add-on may have other periods and separate invoices, which may be refunded."""
    plan = invoice(0, period_end=END[1])
    addon = invoice(0, stripe_id="in_addon", period_end=END[months], amount_refunded=900)
    values = payment_values([addon, plan], subscription(), {"in_addon"})
    assert (values["paid_until"], values["suspended_by"], values["amount_refunded"]) == (END[1], "", 0)


def test_payment_of_an_add_on_does_not_end_the_grace_of_an_unpaid_plan() -> None:
    unpaid, addon = invoice(1, status=Payment.Status.FAILED), invoice(1, stripe_id="in_addon")
    values = payment_values([addon, unpaid, invoice(0)], subscription("past_due"), {"in_addon"})
    assert (values["paid_until"], values["past_due_since"]) == (END[0], unpaid.created_at)


def credit(period: int, **fields: Any) -> Payment:
    """Return the payment of a plan change that costs less than what is credited for the former plan."""
    return invoice(period, reason="subscription_update", amount_total=-100, amount_paid=0, **fields)


def test_change_to_a_shorter_plan_by_credit_shortens_the_paid_period() -> None:
    year = invoice(0, period_end=END[3])
    values = payment_values([credit(0), year], subscription())
    assert (values["paid_until"], values["suspended_by"]) == (END[0], "")
    unpaid = invoice(1, status=Payment.Status.FAILED)
    values = payment_values([unpaid, credit(0), year], subscription("past_due"))
    assert (values["paid_until"], values["past_due_since"]) == (END[0], unpaid.created_at)
    renewal = invoice(1, amount_paid=0)  # paid from the balance
    assert payment_values([renewal, credit(0), year], subscription())["paid_until"] == END[1]


def test_change_by_credit_never_gives_more_than_was_paid_for() -> None:
    """The credit may come from a period that was refunded, or never paid."""
    refunded = invoice(0, amount_refunded=900)
    values = payment_values([credit(2), refunded], subscription())
    assert (values["paid_until"], values["suspended_by"]) == (END[0], Suspension.REFUNDED)
    refunded = invoice(0, period_end=END[3], amount_refunded=900)
    values = payment_values([credit(0), refunded], subscription())
    assert (values["paid_until"], values["suspended_by"]) == (END[0], Suspension.REFUNDED)


def test_longer_plan_can_be_paid_from_the_balance() -> None:
    year = invoice(0, reason="subscription_update", amount_paid=0, period_end=END[3])
    assert payment_values([year, invoice(0)], subscription())["paid_until"] == END[3]


def test_invoice_without_a_period_changes_no_period() -> None:
    """The lines of a manual invoice have the time of their creation as period."""
    manual = invoice(0, reason="manual", period_end=NOW)
    assert payment_values([manual, invoice(0)], subscription())["paid_until"] == END[0]


@pytest.mark.parametrize("status", UNPAID_STATUSES)
def test_grace_counts_from_the_first_unpaid_invoice(status: str) -> None:
    payments = [invoice(2, status=status), invoice(1, status=status), invoice(0)]
    values = payment_values(payments, subscription("past_due"))
    assert (values["past_due_since"], values["paid_until"]) == (payments[1].created_at, END[0])


def test_void_invoices_and_those_before_the_paid_period_are_not_overdue() -> None:
    payments = [invoice(2, status="void"), invoice(1), invoice(0, status="uncollectible")]
    assert payment_values(payments, subscription("past_due"))["past_due_since"] is None


@pytest.mark.parametrize("status", ["active", "trialing", "unpaid", "canceled"])
def test_only_a_past_due_subscription_has_a_grace_period(status: str) -> None:
    payments = [invoice(1, status="open"), invoice(0)]
    assert payment_values(payments, subscription(status))["past_due_since"] is None


@given(
    st.lists(
        st.tuples(
            st.sampled_from([*Payment.Status]),
            st.sampled_from([0, 900]),
            st.sampled_from([0, 1, 900]),
            st.sampled_from(["", *DISPUTE_SUSPENSION]),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_only_the_newest_paid_period_suspends_access(
    drawn: list[tuple[Payment.Status, int, int, str]],
) -> None:
    payments = []
    for period, (status, amount, refunded, dispute) in enumerate(drawn):
        paid = amount if status == Payment.Status.PAID else 0
        fields = {"amount_total": amount, "amount_paid": paid, "amount_refunded": min(refunded, paid)}
        payments.insert(0, invoice(period, status=status, dispute_status=dispute if paid else "", **fields))
    values = payment_values(payments, subscription())
    newest = next((payment for payment in payments if payment.is_paid), None)
    assert values["paid_until"] == (newest.period_end if newest else None)
    assert values["suspended_by"] == (suspension([newest], []) if newest else "")
