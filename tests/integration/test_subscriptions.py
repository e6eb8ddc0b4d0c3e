"""A subscription's life: trial, renewals, declined cards, pauses, plan changes, cancellation."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.ecommerce.catalogue.sync import sync_catalogue
from apps.ecommerce.models import Mail, ProductConfiguration, Purchase, Suspension
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.entitlements import owned
from apps.users.models import User
from stripe_sandbox.billing import panel_actions
from tests.factories import add_price, buy, create_product, pay, press_buy, sent_kinds, signed_in, url_path
from tests.stripe_actions import deliver

pytestmark = pytest.mark.django_db(transaction=True)


def renew(sandbox: Any, purchase: Purchase) -> Purchase:
    """Advance Stripe's clock by a period and deliver its events."""
    panel_actions.advance_to_renewal(purchase.subscription_id)
    return deliver(sandbox, purchase)


def state(client: Client, purchase: Purchase) -> str:
    page = client.get(purchase.get_absolute_url()).content.decode()
    return page.split('data-state="')[1].split('"')[0]


def test_trial_becomes_a_paid_subscription_that_renews(as_ada: Client, ada: User, sandbox: Any) -> None:
    letter = create_product(sandbox.client, "Letter", 500, interval="month", trial_period_days=14)
    purchase = buy(as_ada, letter)
    assert (purchase.status, state(as_ada, purchase)) == (Status.TRIALING, "trialing")
    trial_end = purchase.trial_end
    panel_actions.advance(purchase.subscription_id, 12 * 86400)
    deliver(sandbox, purchase)
    assert Mail.Kind.TRIAL_ENDING in sent_kinds()
    purchase = renew(sandbox, purchase)
    assert purchase.status == Status.ACTIVE
    assert purchase.current_period_start == trial_end
    assert owned(ada, letter.product)
    first = purchase.current_period_end
    purchase = renew(sandbox, purchase)
    assert purchase.status == Status.ACTIVE
    assert first is not None
    assert purchase.current_period_start == first
    assert sent_kinds() == [
        Mail.Kind.CONFIRMED,
        Mail.Kind.TRIAL_ENDING,
        Mail.Kind.RECEIPT,  # the first charge
        Mail.Kind.RECEIPT,
    ]


def test_deleted_account_does_not_renew_the_trial(
    ada: User, as_ada: Client, as_bob: Client, sandbox: Any
) -> None:
    letter = create_product(sandbox.client, "Letter", 500, interval="month", trial_period_days=14)
    buy(as_ada, letter)
    Purchase.objects.update(status=Status.CANCELED, subscription_status="canceled")
    ada.delete()
    again = User.objects.create_user("Ada@example.com")
    for client, days in ((signed_in(again), 0), (as_bob, 14)):
        press_buy(client, letter)
        session = Purchase.objects.get(status=Status.OPEN)
        fetched = sandbox.client.v1.checkout.sessions.retrieve(session.session_id)
        assert (fetched.amount_total == 0) == bool(days)
        session.delete()


def test_plan_of_another_product_does_not_renew_the_trial(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    letter = create_product(sandbox.client, "Letter", 500, interval="month", trial_period_days=14)
    review = create_product(sandbox.client, "Review", 700, interval="month", trial_period_days=14)
    purchase = buy(as_ada, letter)
    for configuration in (review, club):
        subscription = sandbox.client.v1.subscriptions.retrieve(purchase.subscription_id)
        change: Any = {"id": subscription["items"].data[0].id, "price": configuration.prices[0].id}
        sandbox.client.v1.subscriptions.update(purchase.subscription_id, {"items": [change]})
        purchase = deliver(sandbox, purchase)
        assert purchase.product == configuration.product
    for configuration in (letter, review):
        assert "free trial" not in as_ada.get(configuration.get_absolute_url()).content.decode().lower()
        press_buy(as_ada, configuration)
        opened = Purchase.objects.get(status=Status.OPEN, product=configuration.product)
        assert sandbox.client.v1.checkout.sessions.retrieve(opened.session_id).amount_total > 0


def test_renewal_sends_no_email_if_receipts_are_off(
    as_ada: Client, club: ProductConfiguration, sandbox: Any, settings: Any
) -> None:
    settings.RENEWAL_RECEIPTS = False
    purchase = renew(sandbox, deliver(sandbox, buy(as_ada, club)))
    assert purchase.payments.count() == 2
    assert sent_kinds() == [Mail.Kind.CONFIRMED]


def test_failed_renewal_keeps_access_during_the_grace_period(
    as_ada: Client, ada: User, club: ProductConfiguration, sandbox: Any, settings: Any
) -> None:
    purchase = buy(as_ada, club)
    panel_actions.fail_next_renewal(purchase.subscription_id)
    purchase = renew(sandbox, purchase)
    assert (purchase.status, state(as_ada, purchase)) == (Status.PAST_DUE, "past_due")
    assert owned(ada, club.product)
    assert Mail.Kind.RENEWAL_FAILED in sent_kinds()
    page = as_ada.get(purchase.get_absolute_url()).content.decode()
    assert '/manage/"' in page
    eight_days_ago = timezone.now() - timedelta(days=8)
    Purchase.objects.update(paid_until=eight_days_ago, past_due_since=eight_days_ago)
    assert owned(ada, club.product) is None
    settings.PAST_DUE_GRACE_DAYS = 30
    assert owned(ada, club.product)


@pytest.mark.parametrize(("end", "status"), [("canceled", Status.CANCELED), ("unpaid", Status.UNPAID)])
def test_access_ends_when_every_retry_has_failed(
    as_ada: Client, ada: User, club: ProductConfiguration, sandbox: Any, end: str, status: Status
) -> None:
    sandbox.switches(after_retries=end)
    purchase = buy(as_ada, club)
    panel_actions.fail_next_renewal(purchase.subscription_id)
    purchase = renew(sandbox, purchase)
    panel_actions.advance(purchase.subscription_id, 28 * 86400)
    purchase = deliver(sandbox, purchase)
    assert purchase.status == status
    assert owned(ada, club.product) is None
    assert as_ada.get("/purchases/maker-club/").status_code == 302


def test_cancelled_subscription_keeps_access_until_the_period_ends(
    as_ada: Client, ada: User, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = buy(as_ada, club)
    sandbox.client.v1.subscriptions.update(purchase.subscription_id, {"cancel_at_period_end": True})
    purchase = deliver(sandbox, purchase)
    assert (purchase.status, state(as_ada, purchase)) == (Status.ACTIVE, "ending")
    assert purchase.cancel_at == purchase.current_period_end
    assert owned(ada, club.product)
    sandbox.client.v1.subscriptions.update(purchase.subscription_id, {"cancel_at_period_end": False})
    purchase = deliver(sandbox, purchase)
    assert (purchase.cancel_at, state(as_ada, purchase)) == (None, "active")
    sandbox.client.v1.subscriptions.update(purchase.subscription_id, {"cancel_at": "min_period_end"})
    purchase = deliver(sandbox, purchase)
    assert purchase.cancel_at == purchase.current_period_end
    purchase = renew(sandbox, purchase)
    assert (purchase.status, state(as_ada, purchase)) == (Status.CANCELED, "canceled")
    assert owned(ada, club.product) is None
    assert sent_kinds()[-1] == Mail.Kind.ENDED
    assert press_buy(as_ada, club)


def test_access_ends_on_the_date_without_an_event(
    as_ada: Client, ada: User, club: ProductConfiguration
) -> None:
    buy(as_ada, club)
    Purchase.objects.update(cancel_at=timezone.now() - timedelta(seconds=1))
    assert owned(ada, club.product) is None


def test_paused_resumed_and_canceled_subscription_is_followed(
    as_ada: Client, ada: User, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = buy(as_ada, club)
    subscriptions = sandbox.client.v1.subscriptions
    subscriptions.pause(purchase.subscription_id, {"type": "subscription"})
    purchase = deliver(sandbox, purchase)
    assert (purchase.status, owned(ada, club.product)) == (Status.PAUSED, None)
    subscriptions.resume(purchase.subscription_id, {"billing_cycle_anchor": {"type": "now"}})
    purchase = deliver(sandbox, purchase)
    assert purchase.status == Status.ACTIVE
    subscriptions.cancel(purchase.subscription_id)
    purchase = deliver(sandbox, purchase)
    assert (purchase.status, owned(ada, club.product)) == (Status.CANCELED, None)


def test_plan_change_is_copied(as_ada: Client, club: ProductConfiguration, sandbox: Any) -> None:
    yearly = add_price(sandbox.client, club.product_id, 9000, interval="year")
    sync_catalogue()
    purchase = buy(as_ada, club)
    subscription = sandbox.client.v1.subscriptions.retrieve(purchase.subscription_id)
    item = subscription["items"].data[0].id
    sandbox.client.v1.subscriptions.update(
        purchase.subscription_id, {"items": [{"id": item, "price": yearly}]}
    )
    purchase = deliver(sandbox, purchase)
    assert purchase.price_id == yearly
    assert "$90 / year" in as_ada.get(purchase.get_absolute_url()).content.decode()


def test_refunded_period_ends_access_and_the_next_one_restores_it(
    as_ada: Client, ada: User, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = deliver(sandbox, buy(as_ada, club))
    sandbox.client.v1.refunds.create({"payment_intent": purchase.payment_intent_id})
    purchase = deliver(sandbox, purchase)
    assert (purchase.status, purchase.suspended_by) == (Status.ACTIVE, Suspension.REFUNDED)
    assert owned(ada, club.product) is None
    purchase = renew(sandbox, purchase)
    assert (purchase.status, purchase.suspended_by) == (Status.ACTIVE, "")
    assert owned(ada, club.product)


def test_portal_redirects_there_and_back(as_ada: Client, as_bob: Client, club: ProductConfiguration) -> None:
    purchase = buy(as_ada, club)
    manage = f"/purchases/order/{purchase.public_id}/manage/"
    assert "Manage subscription" in as_ada.get(purchase.get_absolute_url()).content.decode()
    response = as_ada.post(manage)
    assert response.status_code == 302
    assert "/stripe-sandbox/portal/" in response["Location"]
    page = as_ada.get(url_path(response["Location"]))
    assert purchase.get_absolute_url() in page.content.decode()
    assert as_bob.post(manage).status_code == 404
    assert Client().post(manage).status_code == 302
    assert as_ada.get(manage).status_code == 405


def test_return_from_the_portal_needs_no_event(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = buy(as_ada, club)
    sandbox.client.v1.subscriptions.update(purchase.subscription_id, {"cancel_at_period_end": True})
    page = as_ada.get(f"{purchase.get_absolute_url()}?from=portal").content.decode()
    assert 'data-state="ending"' in page


def test_declined_renewal_is_past_due(as_ada: Client, club: ProductConfiguration, sandbox: Any) -> None:
    back = pay(press_buy(as_ada, club), "4000000000000341")
    assert as_ada.get(url_path(back)).status_code == 200
    purchase = deliver(sandbox, Purchase.objects.get())
    assert purchase.status == Status.ACTIVE
    assert renew(sandbox, purchase).status == Status.PAST_DUE
