"""What events did not bring, `reconcile_purchases` finds, repairs, and tells."""

from __future__ import annotations

import time
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from apps.ecommerce.models import ProductConfiguration, Purchase, StripeCustomer, WebhookEvent
from apps.ecommerce.models import PurchaseStatus as Status
from apps.users.models import User
from stripe_sandbox.transport import InProcessClient
from tests.factories import bought, pay, press_buy

pytestmark = pytest.mark.django_db


def reconcile(*options: str) -> str:
    out = StringIO()
    call_command("reconcile_purchases", *options, stdout=out)
    return out.getvalue()


@pytest.fixture
def deaf(sandbox: Any) -> Any:
    """A store that no event reaches."""
    sandbox.switches(drop=["*"])
    return sandbox


def test_a_payment_nobody_told_us_of(as_ada: Client, icons: ProductConfiguration, deaf: Any) -> None:
    pay(press_buy(as_ada, icons))
    assert "1 would be repaired" in reconcile("--dry-run")
    assert Purchase.objects.get().status == Status.OPEN
    assert "open ▶ paid" in reconcile()
    assert Purchase.objects.get().status == Status.PAID
    assert "0 repaired" in reconcile()


def test_refunds_and_disputes(as_ada: Client, as_bob: Client, icons: ProductConfiguration, deaf: Any) -> None:
    from stripe_sandbox import scheduled_actions

    first = bought(as_ada, icons)
    press = pay(press_buy(as_bob, icons), "4000000000000259")
    assert press
    reconcile()
    deaf.client.v1.refunds.create({"payment_intent": first.payment_intent_id})
    scheduled_actions.run_due(time.time() + 10**6)
    assert "2 repaired" in reconcile()
    assert sorted(Purchase.objects.values_list("status", flat=True)) == [Status.DISPUTED, Status.REFUNDED]
    assert "0 repaired" in reconcile()


def test_an_old_purchase_refunded_today(as_ada: Client, icons: ProductConfiguration, deaf: Any) -> None:
    purchase = bought(as_ada, icons)
    deaf.client.v1.refunds.create({"payment_intent": purchase.payment_intent_id})
    assert "1 repaired" in reconcile("--since", "1h")


def test_an_expired_session(as_ada: Client, icons: ProductConfiguration, deaf: Any) -> None:
    press_buy(as_ada, icons)
    deaf.client.v1.checkout.sessions.expire(str(Purchase.objects.get().session_id))
    reconcile()
    assert Purchase.objects.get().status == Status.EXPIRED


def test_a_session_the_store_has_never_heard_of(
    as_ada: Client, icons: ProductConfiguration, deaf: Any
) -> None:
    """The database was restored from a backup of an hour ago."""
    purchase = bought(as_ada, icons)
    Purchase.objects.all().delete()
    out = reconcile()
    assert "1 unknown until now" in out
    again = Purchase.objects.get()
    assert (again.public_id, again.status, again.amount_total) == (purchase.public_id, Status.PAID, 1900)
    assert as_ada.get("/purchases/icon-set/").status_code == 200
    assert "0 unknown" in reconcile()


def test_an_unknown_session_beside_a_new_try(as_ada: Client, icons: ProductConfiguration, deaf: Any) -> None:
    """After the backup was restored, the buyer, who seemed to own nothing, began to pay again."""
    bought(as_ada, icons)
    Purchase.objects.all().delete()
    press_buy(as_ada, icons)
    assert "1 unknown until now" in reconcile()
    assert sorted(Purchase.objects.values_list("status", flat=True)) == [Status.OPEN, Status.PAID]
    assert as_ada.get("/purchases/icon-set/").status_code == 200


def test_a_buyer_whose_first_purchase_came_after_the_backup(
    as_ada: Client, icons: ProductConfiguration, deaf: Any
) -> None:
    """The account is in the backup, the customer is not."""
    bought(as_ada, icons)
    Purchase.objects.all().delete()
    StripeCustomer.objects.all().delete()
    assert "1 unknown until now" in reconcile()
    assert as_ada.get("/purchases/icon-set/").status_code == 200
    assert StripeCustomer.objects.count() == 1


def test_a_buyer_who_signed_up_after_the_backup(
    as_ada: Client, icons: ProductConfiguration, deaf: Any
) -> None:
    """The purchase is kept with their address; it opens nothing for whoever has their old number now."""
    bought(as_ada, icons)
    Purchase.objects.all().delete()
    number = User.objects.get().pk
    User.objects.get().delete()
    User.objects.create_user("bob@example.com", "bob-looks-around", pk=number)
    assert "1 unknown until now" in reconcile()
    again = Purchase.objects.get()
    assert (again.user, again.email, again.status) == (None, "ada@example.com", Status.PAID)
    assert "0 unknown" in reconcile()


def test_another_shops_sessions_are_left_alone(icons: ProductConfiguration, deaf: Any) -> None:
    deaf.client.v1.checkout.sessions.create(
        {
            "mode": "payment",
            "line_items": [{"price": icons.prices[0].id, "quantity": 1}],
            "success_url": "https://other.example/",
            "metadata": {"purchase": "their-own-number"},
        }
    )
    assert "0 unknown" in reconcile()
    assert not Purchase.objects.exists()


def test_events_that_could_not_be_delivered_are_processed(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    pay(press_buy(as_ada, icons))
    sandbox.switches(fail_next_n=100)
    sandbox.deliver()
    assert not WebhookEvent.objects.exists()
    reconcile()
    assert WebhookEvent.objects.filter(type="checkout.session.completed").exclude(processed_at=None).exists()


def test_since_processes_delivered_events_that_a_restored_backup_lacks(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    purchase = bought(as_ada, icons)
    sandbox.client.v1.refunds.create({"payment_intent": purchase.payment_intent_id})
    sandbox.deliver()
    assert Purchase.objects.get().status == Status.REFUNDED
    WebhookEvent.objects.filter(type__contains="refund").delete()
    Purchase.objects.update(status=Status.PAID, amount_refunded=0)
    assert "0 repaired" in reconcile()
    assert "1 repaired" in reconcile("--since", "1h")
    assert Purchase.objects.get().status == Status.REFUNDED
    assert "0 undelivered events processed" in reconcile("--since", "1h")


class Counting(InProcessClient):
    asked = 0

    def request(self, *args: Any, **kwargs: Any) -> Any:
        type(self).asked += 1
        return super().request(*args, **kwargs)


def test_what_has_not_changed_costs_one_request_per_hundred(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any, settings: Any
) -> None:
    from stripe_sandbox import storage

    purchase = bought(as_ada, icons)
    sandbox.deliver()
    session = storage.get(str(purchase.session_id))
    assert session is not None
    rows, user = [], User.objects.get()
    with storage.transaction():
        for number in range(250):
            storage.put({**session, "id": f"cs_test_copy_{number:04}"})
            rows.append(
                Purchase(
                    user=user, email=user.email, product=purchase.product, price=purchase.price, livemode=False,
                    currency="usd", amount_total=1900, status=Status.PAID, session_id=f"cs_test_copy_{number:04}",
                )
            )  # fmt: skip
    Purchase.objects.bulk_create(rows)
    settings.STRIPE_HTTP_CLIENT = "tests.integration.test_reconcile.Counting"
    Counting.asked = 0
    assert "0 repaired" in reconcile()
    assert Counting.asked <= 3 + 4  # three pages of sessions; subscriptions, refunds, disputes, events


def test_an_old_open_purchase_is_within_reach(as_ada: Client, icons: ProductConfiguration, deaf: Any) -> None:
    pay(press_buy(as_ada, icons))
    Purchase.objects.update(created_at=timezone.now() - timedelta(days=20))
    reconcile()
    assert Purchase.objects.get().status == Status.PAID


def test_stripe_away_is_said_in_words(sandbox: Any, stripe_away: Any) -> None:
    stripe_away()
    with pytest.raises(CommandError, match="request to Stripe failed"):
        reconcile()
