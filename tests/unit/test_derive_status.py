"""The purchase status for each state at Stripe."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.entitlements import ACCESS_STATUSES, DISPUTE_STATUS
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
        (state(amount_charged=900, amount_refunded=1), Status.PARTIALLY_REFUNDED),
        (state(amount_charged=900, amount_refunded=900), Status.REFUNDED),
        (state(amount_charged=900, amount_refunded=900, dispute_status="needs_response"), Status.DISPUTED),
        (state(amount_charged=900, dispute_status="warning_needs_response"), Status.PAID),
        (state(amount_charged=900, dispute_status="won"), Status.PAID),
        (state(amount_charged=900, dispute_status="prevented"), Status.PAID),
        (state(amount_charged=900, dispute_status="lost"), Status.DISPUTE_LOST),
        (state(amount_charged=900, dispute_status="a status of 2031"), Status.DISPUTED),
        (state(subscription_status="active", amount_charged=900, amount_refunded=900), Status.REFUNDED),
        (state(subscription_status="active", amount_charged=900, amount_refunded=1), Status.ACTIVE),
        (state(subscription_status="active", amount_charged=900, dispute_status="lost"), Status.DISPUTE_LOST),
        (state(subscription_status="canceled", amount_charged=900, amount_refunded=900), Status.CANCELED),
        (state("complete", "paid", subscription_status="trialing"), Status.TRIALING),
        (state("complete", "no_payment_required", subscription_status="active"), Status.ACTIVE),
        (state("complete", "unpaid", subscription_status="incomplete"), Status.INCOMPLETE),
        (state("complete", "paid", subscription_status="canceled"), Status.CANCELED),
    ],
)
def test_status_of_each_stripe_state(stripe_state: StripeState, status: Status) -> None:
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
    amount_charged=st.integers(0, 10**9),
    amount_refunded=st.integers(0, 10**9),
    dispute_status=st.one_of(st.sampled_from([*DISPUTE_STATUS]), text),
)


@given(anything)
def test_access_requires_a_complete_session_and_payment_or_active_subscription(
    stripe_state: StripeState,
) -> None:
    if derive_status(stripe_state) in ACCESS_STATUSES:
        assert stripe_state.session_status == "complete"
        if stripe_state.subscription_status is None:
            assert stripe_state.payment_status in ("paid", "no_payment_required")
            assert (
                stripe_state.dispute_status is None
                or DISPUTE_STATUS.get(stripe_state.dispute_status, "unknown") is None
            )
        else:
            assert stripe_state.subscription_status in ("trialing", "active", "past_due")


def test_statuses_that_grant_access() -> None:
    assert {"paid", "partially_refunded", "trialing", "active", "past_due"} == ACCESS_STATUSES


@given(anything)
def test_paid_purchase_is_never_failed(stripe_state: StripeState) -> None:
    if derive_status(stripe_state) == Status.FAILED:
        assert stripe_state.payment_status not in ("paid", "no_payment_required")
