"""Refunds and disputes close access, and open it again when they are reversed."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.test import Client

from apps.ecommerce.models import ProductConfiguration, Purchase, Refund, Suspension
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.operations.shop_checks import check_shop
from apps.ecommerce.purchases.entitlements import owned
from apps.ecommerce.purchases.fulfilment import sync_purchase
from apps.users.models import User
from stripe_sandbox import scheduled_actions
from tests.factories import buy, pay, press_buy, url_path
from tests.stripe_actions import dispute, fail_refund, paid_charges

pytestmark = pytest.mark.django_db


def refund(sandbox: Any, purchase: Purchase, amount: int | None = None) -> Any:
    params: Any = {"payment_intent": purchase.payment_intent_id, **({"amount": amount} if amount else {})}
    return sandbox.client.v1.refunds.create(params)


def test_full_refund_ends_access(
    as_ada: Client, ada: User, icons: ProductConfiguration, sandbox: Any
) -> None:
    purchase = buy(as_ada, icons)
    refund(sandbox, purchase)
    assert sandbox.deliver()
    purchase.refresh_from_db()
    assert (purchase.status, purchase.suspended_by) == (Status.PAID, Suspension.REFUNDED)
    assert purchase.amount_refunded == 1900
    assert owned(ada, icons.product) is None
    page = as_ada.get(purchase.get_absolute_url()).content.decode()
    assert 'data-state="refunded"' in page
    assert "−$19.00" in page
    assert press_buy(as_ada, icons)  # the product can be bought again


def test_access_ends_when_partial_refunds_reach_the_full_amount(
    as_ada: Client, ada: User, icons: ProductConfiguration, sandbox: Any
) -> None:
    purchase = buy(as_ada, icons)
    refund(sandbox, purchase, 500)
    sandbox.deliver()
    purchase.refresh_from_db()
    assert (purchase.status, purchase.suspended_by) == (Status.PAID, "")
    assert purchase.amount_refunded == 500
    assert owned(ada, icons.product)
    refund(sandbox, purchase, 1400)
    sandbox.deliver()
    assert owned(ada, icons.product) is None


def test_failed_refund_restores_access(
    as_ada: Client, ada: User, icons: ProductConfiguration, sandbox: Any
) -> None:
    back = pay(press_buy(as_ada, icons), "4000000000005126")
    as_ada.get(url_path(back))
    purchase = Purchase.objects.get()
    refund(sandbox, purchase)
    sandbox.deliver()
    assert owned(ada, icons.product) is None
    scheduled_actions.run_due(time.time() + 10**6)
    sandbox.deliver()
    purchase.refresh_from_db()
    assert (purchase.status, purchase.suspended_by) == (Status.PAID, "")
    assert purchase.amount_refunded == 0
    assert owned(ada, icons.product)


def test_founder_is_told_of_a_failed_refund_until_the_money_is_paid(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    """https://docs.stripe.com/refunds#failed-refunds: "arrange an alternative way of providing a refund"."""
    purchase = buy(as_ada, icons, card="4000000000005126")
    refund(sandbox, purchase, 500)
    sandbox.deliver()
    assert check_shop()["refund-failed"] == []
    scheduled_actions.run_due(time.time() + 10**6)
    sandbox.deliver()
    (problem,) = check_shop()["refund-failed"]
    assert "$5.00" in problem.text
    assert purchase.order_number in problem.text
    refund(sandbox, purchase)
    sandbox.deliver()
    assert check_shop()["refund-failed"] == []


def test_refund_that_has_failed_before_its_events_arrive_is_reported(paid: Purchase, sandbox: Any) -> None:
    sandbox.switches(drop=["*"])
    fail_refund(paid_charges()[0], 500)
    scheduled_actions.run_due(time.time() + 10**6)
    assert paid_charges()[0]["amount_refunded"] == 0
    purchase = sync_purchase(paid, "test")
    assert purchase.amount_refunded == 0
    assert len(check_shop()["refund-failed"]) == 1


def test_refund_that_a_dispute_stopped_needs_nobody(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    """The failure reason is `charge_for_pending_refund_disputed`: the bank pays the buyer."""
    refund(sandbox, buy(as_ada, icons, card="4000000000005126"), 500)
    sandbox.deliver()
    dispute(paid_charges()[0])
    scheduled_actions.run_due(time.time() + 10**6)
    sandbox.deliver()
    assert Refund.objects.get().status == "failed"
    assert check_shop()["refund-failed"] == []


@pytest.mark.parametrize(
    ("card", "during", "evidence", "after"),
    [
        ("4000000000000259", Suspension.DISPUTED, "winning_evidence", ""),
        ("4000000000000259", Suspension.DISPUTED, "losing_evidence", Suspension.DISPUTE_LOST),
        ("4000000000002685", Suspension.DISPUTED, "winning_evidence", ""),
        ("4000000000001976", "", "winning_evidence", ""),
    ],
)
def test_dispute_suspends_access_until_it_is_settled(
    as_ada: Client,
    ada: User,
    icons: ProductConfiguration,
    sandbox: Any,
    card: str,
    during: str,
    evidence: str,
    after: str,
) -> None:
    back = pay(press_buy(as_ada, icons), card)
    as_ada.get(url_path(back))
    scheduled_actions.run_due(time.time() + 10**6)
    sandbox.deliver()
    purchase = Purchase.objects.get()
    assert (purchase.status, purchase.suspended_by) == (Status.PAID, during)
    assert (owned(ada, icons.product) is None) == (during == Suspension.DISPUTED)
    (dispute,) = sandbox.client.v1.disputes.list({"payment_intent": purchase.payment_intent_id}).data
    sandbox.client.v1.disputes.update(
        dispute.id, {"evidence": {"uncategorized_text": evidence}, "submit": True}
    )
    scheduled_actions.run_due(time.time() + 10**6)
    sandbox.deliver()
    purchase.refresh_from_db()
    assert (purchase.status, purchase.suspended_by) == (Status.PAID, after)
    assert (owned(ada, icons.product) is None) == (after == Suspension.DISPUTE_LOST)


def test_refund_without_webhook_is_found_at_the_next_sync(
    as_ada: Client, ada: User, icons: ProductConfiguration, sandbox: Any
) -> None:
    purchase = buy(as_ada, icons)
    sandbox.deliver()
    sandbox.switches(drop=["*"])
    refund(sandbox, purchase)
    sandbox.deliver()
    assert owned(ada, icons.product)  # no webhook has arrived
    assert sync_purchase(purchase, "reconcile").suspended_by == Suspension.REFUNDED
    assert owned(ada, icons.product) is None
