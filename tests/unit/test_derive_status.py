"""What Stripe says ▶ what the store believes. No database, no network."""

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
    ("what_stripe_says", "status"),
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
def test_each_state_of_stripes_has_one_status(what_stripe_says: StripeState, status: Status) -> None:
    assert derive_status(what_stripe_says) == status


words = st.one_of(st.none(), st.text(max_size=12))
anything = st.builds(
    StripeState,
    session_status=st.one_of(st.sampled_from(["open", "complete", "expired"]), words),
    payment_status=st.one_of(
        st.sampled_from(["paid", "unpaid", "no_payment_required"]), st.text(max_size=12)
    ),
    subscription_status=st.one_of(st.sampled_from([*SUBSCRIPTION_STATUS]), words),
    intent_status=words,
    amount_charged=st.integers(0, 10**9),
    amount_refunded=st.integers(0, 10**9),
    dispute_status=st.one_of(st.sampled_from([*DISPUTE_STATUS]), words),
)


@given(anything)
def test_access_needs_a_complete_session_and_money_or_a_living_subscription(says: StripeState) -> None:
    if derive_status(says) in ACCESS_STATUSES:
        assert says.session_status == "complete"
        if says.subscription_status is None:
            assert says.payment_status in ("paid", "no_payment_required")
            assert says.dispute_status is None or DISPUTE_STATUS.get(says.dispute_status, "unknown") is None
        else:
            assert says.subscription_status in ("trialing", "active", "past_due")


def test_only_these_statuses_grant_access() -> None:
    assert {"paid", "partially_refunded", "trialing", "active", "past_due"} == ACCESS_STATUSES


@given(anything)
def test_paid_purchase_is_never_failed(says: StripeState) -> None:
    if derive_status(says) == Status.FAILED:
        assert says.payment_status not in ("paid", "no_payment_required")
