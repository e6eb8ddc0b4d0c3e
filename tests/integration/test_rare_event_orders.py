"""Events in rare orders."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.test import Client

from apps.ecommerce.catalogue.sync import sync_catalogue, sync_product
from apps.ecommerce.models import ProductConfiguration, Purchase, StatusChange, Suspension
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.operations.reconcile import reconcile
from apps.ecommerce.purchases import fulfilment
from apps.ecommerce.purchases.fulfilment import sync_purchase
from stripe_sandbox import scheduled_actions, storage
from stripe_sandbox.delivery import STORE_ENDPOINT_ID
from stripe_sandbox.resources import refunds
from stripe_sandbox.transport import InProcessClient
from tests.factories import add_price, buy, first_price, pay, press_buy

pytestmark = pytest.mark.django_db


def test_unrecorded_session_of_an_expired_purchase_is_expired(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    """A crash left the session, and the buyer has opened another checkout since."""
    press_buy(as_ada, icons)
    lost = Purchase.objects.get()
    # The process was killed before it stored the session.
    Purchase.objects.update(session_id=None, checkout_url="")
    expensive_price = add_price(sandbox.client, icons.product_id, 2900)
    sync_catalogue()
    icons = ProductConfiguration.objects.get(pk=icons.pk)
    press_buy(as_ada, icons, icons.product.prices.get(id=expensive_price))
    press_buy(as_ada, icons, icons.product.prices.exclude(id=expensive_price).get())
    reconcile()
    lost.refresh_from_db()
    assert lost.status == Status.EXPIRED
    assert [session["status"] for session in storage.find("checkout.session")] == [
        "open",
        "expired",
        "expired",
    ]
    assert sorted(Purchase.objects.values_list("status", flat=True)) == ["expired", "expired", "open"]


@pytest.fixture
def no_webhooks(sandbox: Any) -> None:
    """Disable the endpoint, so that the store gets no events, as after the restore of a backup."""
    sandbox.client.v1.webhook_endpoints.update(STORE_ENDPOINT_ID, {"disabled": True})


def charge_of(purchase: Purchase) -> dict[str, Any]:
    intent = storage.get(purchase.payment_intent_id) or {}
    return storage.get(intent["latest_charge"]) or {}


def test_reconcile_finds_a_failed_refund_of_a_subscription(
    as_ada: Client, club: ProductConfiguration, no_webhooks: None
) -> None:
    purchase = buy(as_ada, club)
    refund = refunds.create_refund(charge_of(purchase), outcome="refund_fails")
    refunded = sync_purchase(purchase, "test")
    assert (refunded.status, refunded.suspended_by) == (Status.ACTIVE, Suspension.REFUNDED)
    scheduled_actions.run_for(refund["id"])
    reconcile()
    purchase.refresh_from_db()
    assert (purchase.status, purchase.suspended_by) == (Status.ACTIVE, "")
    assert purchase.amount_refunded == 0


def test_reconcile_adds_the_refunds_of_a_subscription(
    as_ada: Client, club: ProductConfiguration, no_webhooks: None
) -> None:
    purchase = buy(as_ada, club)
    refunds.create_refund(charge_of(purchase), 500)
    sync_purchase(purchase, "test")
    refunds.create_refund(charge_of(purchase), 400)
    reconcile()
    purchase.refresh_from_db()
    assert (purchase.status, purchase.suspended_by) == (Status.ACTIVE, Suspension.REFUNDED)
    assert purchase.amount_refunded == 900


def test_reactivated_price_can_be_bought_after_a_refusal(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    """Stripe repeats its first response to an idempotency key, also a refusal."""
    price = first_price(icons)
    sandbox.client.v1.prices.update(price.id, {"active": False})  # without an event to the store
    response = as_ada.post(f"/store/{icons.slug}/buy/", {"price": price.id}, follow=True)
    assert b"message--error" in response.content
    sandbox.client.v1.prices.update(price.id, {"active": True})
    sync_product(icons.product_id)
    assert pay(press_buy(as_ada, icons))


def test_overtaken_sync_fetches_again_even_if_the_other_changed_nothing(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The slow sync has read a refund that failed before another, faster sync."""
    purchase = buy(as_ada, icons)
    refund = refunds.create_refund(charge_of(purchase), outcome="refund_fails")
    values = fulfilment.purchase_values

    def slow_values(*fetched: Any) -> dict[str, Any]:
        monkeypatch.setattr(fulfilment, "purchase_values", values)
        found = values(*fetched)
        scheduled_actions.run_for(refund["id"])
        sync_purchase(purchase, "the fast sync")  # the purchase is unchanged: paid
        return found

    monkeypatch.setattr(fulfilment, "purchase_values", slow_values)
    assert sync_purchase(purchase, "the slow sync").status == Status.PAID
    assert list(purchase.changes.values_list("to_status", flat=True)) == [Status.OPEN, Status.PAID]


def test_purchase_is_not_created_without_its_first_status_change(
    as_ada: Client, icons: ProductConfiguration, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*args: Any, **kwargs: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(StatusChange, "save", stop)
    with pytest.raises(KeyboardInterrupt):
        press_buy(as_ada, icons)
    assert not Purchase.objects.exists()


def test_reconcile_finds_an_unknown_payment_that_is_disputed(
    as_ada: Client, icons: ProductConfiguration, no_webhooks: None
) -> None:
    pay(press_buy(as_ada, icons), "4000000000000259")
    scheduled_actions.run_due(time.time() + 60)
    reconcile()
    purchase = Purchase.objects.get()
    assert (purchase.status, purchase.suspended_by) == (Status.PAID, Suspension.DISPUTED)


class ExpirePurchaseDuringRequest(InProcessClient):
    """Expire the purchase while Stripe creates its session, as a concurrent press of Buy does."""

    def request(self, method: str, url: str, *args: Any, **more: Any) -> Any:
        answer = super().request(method, url, *args, **more)
        if method.upper() == "POST" and url.endswith("/v1/checkout/sessions"):
            Purchase.objects.filter(status=Status.OPEN, session_id=None).update(status=Status.EXPIRED)
        return answer


def test_session_created_for_an_expired_purchase_is_expired(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any, settings: Any
) -> None:
    settings.STRIPE_HTTP_CLIENT = "tests.integration.test_rare_event_orders.ExpirePurchaseDuringRequest"
    as_ada.post("/store/icon-set/buy/", {"price": icons.prices[0].id})
    sessions = sandbox.client.v1.checkout.sessions.list({"limit": 100}).data
    assert sessions
    assert {session.status for session in sessions} == {"expired"}
    assert not Purchase.objects.filter(status=Status.OPEN).exists()


def pay_first_of_two_sessions(as_ada: Client, icons: ProductConfiguration, sandbox: Any) -> str:
    """Pay the lower of two prices while checkouts of both are open. Return the id of the higher price.

    Only a race can leave two open sessions of one buyer and product.
    """
    first_page = press_buy(as_ada, icons)
    bigger = add_price(sandbox.client, icons.product_id, 4900)
    sync_catalogue()
    Purchase.objects.update(status=Status.EXPIRED)
    fresh = ProductConfiguration.objects.get(pk=icons.pk)
    press_buy(as_ada, fresh, next(price for price in fresh.prices if price.id == bigger))
    Purchase.objects.exclude(price_id=bigger).update(status=Status.OPEN)
    pay(first_page)
    return bigger


def test_second_open_session_is_expired_when_the_first_is_paid(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any, settings: Any
) -> None:
    settings.UPGRADES = False
    bigger = pay_first_of_two_sessions(as_ada, icons, sandbox)
    answer = as_ada.post("/store/icon-set/buy/", {"price": bigger}, follow=True)
    assert "message--info" in answer.content.decode()
    assert {row.price_id == bigger: row.status for row in Purchase.objects.all()} == {
        True: Status.EXPIRED,
        False: Status.PAID,
    }
    assert sorted(row.status or "" for row in sandbox.client.v1.checkout.sessions.list()) == [
        "complete",
        "expired",
    ]


def test_second_open_session_is_replaced_by_an_upgrade_when_the_first_is_paid(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    bigger = pay_first_of_two_sessions(as_ada, icons, sandbox)
    answer = as_ada.post("/store/icon-set/buy/", {"price": bigger})
    assert "/stripe-sandbox/checkout/" in answer["Location"]
    sessions = sandbox.client.v1.checkout.sessions.list()
    assert sorted((row.status or "", row.amount_total) for row in sessions) == [
        ("complete", 1900),
        ("expired", 4900),
        ("open", 4900 - 1900),
    ]
