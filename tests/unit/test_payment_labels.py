from __future__ import annotations

from typing import Any

import pytest

from apps.devtools.purchase_samples import PAYMENT_STATES, make_payment, make_purchase
from apps.ecommerce.models import Payment
from apps.ecommerce.purchases.messages.payment_failures import failure_text
from apps.ecommerce.purchases.messages.payment_labels import (
    LABELS,
    can_pay_now,
    is_for_current_plan,
    payment_key,
    payment_note,
)


def sample(state: str = "paid", purchase_state: str = "active", **values: Any) -> Payment:
    return make_payment(make_purchase(purchase_state), state, **values)


@pytest.mark.parametrize("state", PAYMENT_STATES)
def test_each_state_has_its_own_key(state: str) -> None:
    assert payment_key(sample(state)) == state


def test_each_label_has_a_sample() -> None:
    assert set(map(str, LABELS)) == set(PAYMENT_STATES)


@pytest.mark.parametrize("dispute_status", ["won", "warning_needs_response", "prevented"])
def test_dispute_without_effect_is_not_shown(dispute_status: str) -> None:
    assert payment_key(sample(dispute_status=dispute_status)) == "paid"


def test_dispute_is_shown_rather_than_a_refund() -> None:
    assert payment_key(sample("disputed", amount_refunded=300)) == "disputed"


def test_note_says_why_the_payment_failed() -> None:
    assert payment_note(sample("failed")) == failure_text("insufficient_funds")
    assert payment_note(sample("paid", failure_code="insufficient_funds")) == ""


@pytest.mark.parametrize(
    ("state", "purchase_state", "is_payable"),
    [
        ("open", "active", True),
        ("failed", "past_due", True),
        ("failed", "canceled", False),  # an ended subscription needs no payment
        ("processing", "active", False),
        ("void", "active", False),
        ("paid", "active", False),
    ],
)
def test_only_unpaid_invoices_can_be_paid_now(state: str, purchase_state: str, is_payable: bool) -> None:
    assert can_pay_now(sample(state, purchase_state)) == is_payable
    assert not can_pay_now(sample(state, purchase_state, invoice_url=""))


def test_payment_of_another_price_or_quantity_is_not_for_the_current_plan() -> None:
    payment = sample()
    assert is_for_current_plan(payment)
    payment.purchase.quantity = 2
    assert not is_for_current_plan(payment)
