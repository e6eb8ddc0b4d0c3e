"""reconcile_purchases rebuilds the payments from Stripe, and repairs what lost events would have changed."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from apps.ecommerce.models import Payment, ProductConfiguration, Purchase
from apps.ecommerce.operations.reconcile import reconcile
from stripe_sandbox import scheduled_actions
from tests.factories import buy, create_product
from tests.stripe_actions import (
    deliver,
    dispute,
    fail_refund,
    fail_renewal,
    is_open,
    lose,
    paid_charges,
    payments,
    refund,
    renew,
    run_scheduled,
    win,
)

pytestmark = pytest.mark.django_db
PURCHASE_COLUMNS = (
    *("status", "suspended_by", "amount_refunded", "paid_until", "past_due_since", "has_paid"),
    *("subscription_status", "failure_code", "current_period_end"),
)


def stored_payments() -> list[dict[str, Any]]:
    """Return all columns of all payments except the row's number in the database."""
    rows = Payment.objects.order_by("stripe_id").values()
    return [{name: value for name, value in row.items() if name != "id"} for row in rows]


def stored_purchases() -> list[dict[str, Any]]:
    return list(Purchase.objects.order_by("pk").values("pk", *PURCHASE_COLUMNS))


@pytest.fixture
def shop(as_ada: Client, icons: ProductConfiguration, club: ProductConfiguration, sandbox: Any) -> None:
    """Purchases of each kind, with renewals, declines, refunds, disputes and a trial."""
    one_time = deliver(sandbox, buy(as_ada, icons))
    refund(sandbox, paid_charges()[-1], 400)
    fail_refund(paid_charges()[-1], 300)
    scheduled_actions.run_due(time.time() + 10**6)
    deliver(sandbox, one_time)
    letter = create_product(sandbox.client, "Letter", 500, interval="month", trial_period_days=14)
    trial = deliver(sandbox, buy(as_ada, letter))
    member = renew(sandbox, deliver(sandbox, buy(as_ada, club)), periods=2)
    first, second, third = [row for row in paid_charges() if row["amount"] == 900]
    refund(sandbox, first)
    win(dispute(second))
    refund(sandbox, third, 100)
    refund(sandbox, third, 150)
    fail_renewal(sandbox, member)
    renew(sandbox, trial)


def test_empty_payment_table_is_rebuilt_identically(shop: None) -> None:
    rows, purchases = stored_payments(), stored_purchases()
    assert {row["status"] for row in rows} == {"paid", "failed"}
    assert {row["reason"] for row in rows} == {"", "subscription_create", "subscription_cycle"}
    Payment.objects.all().delete()

    assert len(reconcile(dry_run=True).repaired) == 3
    assert not Payment.objects.exists()

    reconcile()
    assert (stored_payments(), stored_purchases()) == (rows, purchases)

    versions = list(Purchase.objects.order_by("pk").values_list("version", flat=True))
    assert reconcile().repaired == []
    assert list(Purchase.objects.order_by("pk").values_list("version", flat=True)) == versions

    Payment.objects.all().delete()
    call_command("reconcile_purchases", verbosity=0)
    assert stored_payments() == rows


def test_missing_payments_and_estimated_columns_are_repaired(shop: None) -> None:
    rows, purchases = stored_payments(), stored_purchases()
    for purchase in Purchase.objects.all():
        purchase.payments.all().delete()
        reconcile()
        assert stored_payments() == rows

    Payment.objects.all().delete()
    # After the migration, these columns are only estimated.
    Purchase.objects.update(
        paid_until=None, has_paid=False, past_due_since=None, suspended_by="", amount_refunded=0
    )
    reconcile()
    assert (stored_payments(), stored_purchases()) == (rows, purchases)


# --- lost events ------------------------------------------------------------------------------------------


@pytest.fixture
def member(as_ada: Client, club: ProductConfiguration, sandbox: Any) -> Purchase:
    """A subscription with two paid periods, whose events are lost from now on."""
    purchase = renew(sandbox, deliver(sandbox, buy(as_ada, club)))
    sandbox.switches(drop=["*"])
    return purchase


def test_lost_renewals_are_stored(member: Purchase, sandbox: Any) -> None:
    renew(sandbox, member, periods=2)
    assert len(payments(member)) == 2
    reconcile()
    rows = payments(member)
    assert [row.charge_id for row in rows] == [row["id"] for row in paid_charges()]
    assert Purchase.objects.get().paid_until == rows[-1].period_end


def test_lost_failed_renewal_is_stored(member: Purchase, sandbox: Any) -> None:
    fail_renewal(sandbox, member)
    reconcile()
    assert payments(member)[-1].status == "failed"
    purchase = Purchase.objects.get()
    assert (purchase.status, purchase.past_due_since) == ("past_due", payments(member)[-1].created_at)


@pytest.mark.parametrize("period", [0, 1])
def test_lost_refund_is_stored(member: Purchase, sandbox: Any, period: int) -> None:
    refund(sandbox, paid_charges()[period])
    reconcile()
    assert [row.amount_refunded for row in payments(member)] == [900 * (at == period) for at in (0, 1)]
    assert is_open(member) == (period == 0)


@pytest.mark.parametrize("period", [0, 1])
def test_lost_failure_of_a_refund_is_stored(member: Purchase, sandbox: Any, period: int) -> None:
    sandbox.switches(drop=[])
    failing = fail_refund(paid_charges()[period], 900)
    deliver(sandbox, member)
    sandbox.switches(drop=["*"])
    run_scheduled(failing)
    assert payments(member)[period].amount_refunded == 900
    reconcile()
    assert [row.amount_refunded for row in payments(member)] == [0, 0]
    assert is_open(member)


@pytest.mark.parametrize("period", [0, 1])
@pytest.mark.parametrize("end", [None, win, lose])
def test_lost_dispute_is_stored(member: Purchase, sandbox: Any, period: int, end: Any) -> None:
    opened = dispute(paid_charges()[period])
    if end:
        end(opened)
    status = {None: "needs_response", win: "won", lose: "lost"}[end]
    reconcile()
    assert [row.dispute_status for row in payments(member)] == [status * (at == period) for at in (0, 1)]
    purchase = Purchase.objects.get()
    suspended_by = {None: "disputed", win: "", lose: "dispute_lost"}[end]
    assert purchase.suspended_by == (suspended_by if period == 1 else "")


def test_event_that_could_not_be_delivered_is_repaired_while_others_arrive(
    member: Purchase, as_bob: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    refund(sandbox, paid_charges()[0], 250)  # the event of this refund is lost
    sandbox.switches(drop=[])
    deliver(sandbox, buy(as_bob, icons))
    reconcile(since=timezone.now() - timedelta(days=3))
    assert [row.amount_refunded for row in payments(member)] == [250, 0]
