"""Rare orders of events, each found by a run of tests/soak or by review."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.test import Client

from apps.ecommerce.catalogue.sync import sync_catalogue
from apps.ecommerce.models import ProductConfiguration, Purchase, StatusChange
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


def test_a_session_left_behind_by_a_crash_stays_closed(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    """Its purchase was given up and another one is open: nobody can pay the first, nothing collides."""
    press_buy(as_ada, icons)
    lost = Purchase.objects.get()
    Purchase.objects.update(session_id=None, checkout_url="")  # the process died before it noted the Session
    dearer = add_price(sandbox.client, icons.product_id, 2900)
    sync_catalogue()
    icons = ProductConfiguration.objects.get(pk=icons.pk)
    press_buy(as_ada, icons, icons.product.prices.get(id=dearer))
    press_buy(as_ada, icons, icons.product.prices.exclude(id=dearer).get())
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
def deaf(sandbox: Any) -> None:
    """Stripe takes its events for delivered, but the store has never seen them: a backup was restored."""
    sandbox.client.v1.webhook_endpoints.update(STORE_ENDPOINT_ID, {"disabled": True})


def charge_of(purchase: Purchase) -> dict[str, Any]:
    intent = storage.get(purchase.payment_intent_id) or {}
    return storage.get(intent["latest_charge"]) or {}


def test_reconcile_sees_that_the_refund_of_a_subscription_has_failed(
    as_ada: Client, club: ProductConfiguration, deaf: None
) -> None:
    purchase = buy(as_ada, club)
    refund = refunds.create_refund(charge_of(purchase), outcome="refund_fails")
    assert sync_purchase(purchase, "test").status == Status.REFUNDED
    scheduled_actions.run_for(refund["id"])
    reconcile()
    purchase.refresh_from_db()
    assert (purchase.status, purchase.amount_refunded) == (Status.ACTIVE, 0)


def test_reconcile_adds_up_the_refunds_of_a_subscription(
    as_ada: Client, club: ProductConfiguration, deaf: None
) -> None:
    purchase = buy(as_ada, club)
    refunds.create_refund(charge_of(purchase), 500)
    sync_purchase(purchase, "test")
    refunds.create_refund(charge_of(purchase), 400)
    reconcile()
    purchase.refresh_from_db()
    assert (purchase.status, purchase.amount_refunded) == (Status.REFUNDED, 900)


def test_a_price_that_stripe_refused_once_can_be_bought_when_it_is_back(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    """Stripe repeats its first answer to an idempotency key, a refusal as well."""
    price = first_price(icons)
    sandbox.client.v1.prices.update(price.id, {"active": False})  # nobody has told the store
    response = as_ada.post(f"/store/{icons.slug}/buy/", {"price": price.id}, follow=True)
    assert b"Nothing was charged" in response.content
    sandbox.client.v1.prices.update(price.id, {"active": True})
    assert pay(press_buy(as_ada, icons))


def test_an_answer_that_is_older_than_one_without_news_is_asked_again(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refunded, and the refund fails, while one sync is slow: its answer is of the moment in between."""
    purchase = buy(as_ada, icons)
    refund = refunds.create_refund(charge_of(purchase), outcome="refund_fails")
    values = fulfilment.purchase_values

    def slow(*fetched: Any) -> dict[str, Any]:
        monkeypatch.setattr(fulfilment, "purchase_values", values)
        found = values(*fetched)
        scheduled_actions.run_for(refund["id"])
        sync_purchase(purchase, "the other one")  # says what the row says: paid
        return found

    monkeypatch.setattr(fulfilment, "purchase_values", slow)
    assert sync_purchase(purchase, "the slow one").status == Status.PAID
    assert list(purchase.changes.values_list("to_status", flat=True)) == [Status.OPEN, Status.PAID]


def test_no_purchase_without_the_first_line_of_its_timeline(
    as_ada: Client, icons: ProductConfiguration, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*args: Any, **kwargs: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(StatusChange.objects, "create", killed)
    with pytest.raises(KeyboardInterrupt):
        press_buy(as_ada, icons)
    assert not Purchase.objects.exists()


def test_reconcile_sees_a_payment_that_is_disputed_before_anybody_told_of_it(
    as_ada: Client, icons: ProductConfiguration, deaf: None
) -> None:
    pay(press_buy(as_ada, icons), "4000000000000259")
    scheduled_actions.run_due(time.time() + 60)
    reconcile()
    assert Purchase.objects.get().status == Status.DISPUTED


class GivenUpMeanwhile(InProcessClient):
    """Another press gives the purchase up while Stripe makes its Session."""

    def request(self, method: str, url: str, *args: Any, **more: Any) -> Any:
        answer = super().request(method, url, *args, **more)
        if method.upper() == "POST" and url.endswith("/v1/checkout/sessions"):
            Purchase.objects.filter(status=Status.OPEN, session_id=None).update(status=Status.EXPIRED)
        return answer


def test_a_session_made_for_a_choice_given_up_meanwhile_is_closed(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any, settings: Any
) -> None:
    settings.STRIPE_HTTP_CLIENT = "tests.integration.test_rare_event_orders.GivenUpMeanwhile"
    as_ada.post("/store/icon-set/buy/", {"price": icons.prices[0].id})
    made = sandbox.client.v1.checkout.sessions.list({"limit": 100}).data
    assert made
    assert {session.status for session in made} == {"expired"}
    assert not Purchase.objects.filter(status=Status.OPEN).exists()


def test_a_second_page_is_closed_when_the_first_turns_out_to_be_paid(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    """Two choices open at once, which takes a race: whoever presses for the second again is told, and it closes."""
    first_page = press_buy(as_ada, icons)
    bigger = add_price(sandbox.client, icons.product_id, 4900)
    sync_catalogue()
    Purchase.objects.update(status=Status.EXPIRED)
    fresh = ProductConfiguration.objects.get(pk=icons.pk)
    press_buy(as_ada, fresh, next(price for price in fresh.prices if price.id == bigger))
    Purchase.objects.exclude(price_id=bigger).update(status=Status.OPEN)
    pay(first_page)

    answer = as_ada.post("/store/icon-set/buy/", {"price": bigger}, follow=True)
    assert "already own" in answer.content.decode()
    assert {row.price_id == bigger: row.status for row in Purchase.objects.all()} == {
        True: Status.EXPIRED,
        False: Status.PAID,
    }
    assert sorted(row.status or "" for row in sandbox.client.v1.checkout.sessions.list()) == [
        "complete",
        "expired",
    ]
