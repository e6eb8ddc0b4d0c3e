"""`reconcile_purchases` finds and repairs what missed webhooks left out, and reports it."""

from __future__ import annotations

import time
from copy import copy
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from apps.ecommerce.models import (
    Payment,
    ProductConfiguration,
    Purchase,
    StripeCustomer,
    Suspension,
    WebhookEvent,
)
from apps.ecommerce.models import PurchaseStatus as Status
from apps.users.models import User
from stripe_sandbox.transport import InProcessClient
from tests.factories import buy, pay, press_buy

pytestmark = pytest.mark.django_db


def reconcile(*options: str) -> str:
    out = StringIO()
    call_command("reconcile_purchases", *options, stdout=out)
    return out.getvalue()


@pytest.fixture
def without_webhooks(sandbox: Any) -> Any:
    """Deliver no webhook to the store."""
    sandbox.switches(drop=["*"])
    return sandbox


def test_payment_without_webhook_is_found(
    as_ada: Client, icons: ProductConfiguration, without_webhooks: Any
) -> None:
    pay(press_buy(as_ada, icons))
    assert "1 would be repaired" in reconcile("--dry-run")
    assert Purchase.objects.get().status == Status.OPEN
    assert f"{Purchase.objects.get().order_number}: not paid yet ▶ paid" in reconcile()
    assert Purchase.objects.get().status == Status.PAID
    assert "0 repaired" in reconcile()


def test_refunds_and_disputes_without_webhooks_are_found(
    as_ada: Client, as_bob: Client, icons: ProductConfiguration, without_webhooks: Any
) -> None:
    from stripe_sandbox import scheduled_actions

    first = buy(as_ada, icons)
    return_url = pay(press_buy(as_bob, icons), "4000000000000259")
    assert return_url
    reconcile()
    without_webhooks.client.v1.refunds.create({"payment_intent": first.payment_intent_id})
    scheduled_actions.run_due(time.time() + 10**6)
    assert "2 repaired" in reconcile()
    assert sorted(Purchase.objects.values_list("status", "suspended_by")) == [
        (Status.PAID, Suspension.DISPUTED),
        (Status.PAID, Suspension.REFUNDED),
    ]
    assert "0 repaired" in reconcile()


def test_new_refund_of_an_old_purchase_is_found(
    as_ada: Client, icons: ProductConfiguration, without_webhooks: Any
) -> None:
    purchase = buy(as_ada, icons)
    without_webhooks.client.v1.refunds.create({"payment_intent": purchase.payment_intent_id})
    assert "1 repaired" in reconcile("--since", "1h")


def test_expired_session_is_found(as_ada: Client, icons: ProductConfiguration, without_webhooks: Any) -> None:
    press_buy(as_ada, icons)
    without_webhooks.client.v1.checkout.sessions.expire(str(Purchase.objects.get().session_id))
    reconcile()
    assert Purchase.objects.get().status == Status.EXPIRED


def test_unknown_session_is_adopted(
    as_ada: Client, icons: ProductConfiguration, without_webhooks: Any
) -> None:
    """The restored backup was made before the purchase."""
    purchase = buy(as_ada, icons)
    Purchase.objects.all().delete()
    out = reconcile()
    assert "1 unknown until now" in out
    adopted = Purchase.objects.get()
    assert (adopted.public_id, adopted.status, adopted.amount_total) == (
        purchase.public_id,
        Status.PAID,
        1900,
    )
    assert as_ada.get("/purchases/icon-set/").status_code == 200
    assert "0 unknown" in reconcile()


def test_unknown_session_is_adopted_beside_a_new_open_checkout(
    as_ada: Client, icons: ProductConfiguration, without_webhooks: Any
) -> None:
    """After the restore, the buyer has started another checkout."""
    buy(as_ada, icons)
    Purchase.objects.all().delete()
    press_buy(as_ada, icons)
    assert "1 unknown until now" in reconcile()
    assert sorted(Purchase.objects.values_list("status", flat=True)) == [Status.OPEN, Status.PAID]
    assert as_ada.get("/purchases/icon-set/").status_code == 200


def test_first_purchase_after_the_backup_is_adopted(
    as_ada: Client, icons: ProductConfiguration, without_webhooks: Any
) -> None:
    """The account is in the backup, the Stripe customer is not."""
    buy(as_ada, icons)
    Purchase.objects.all().delete()
    StripeCustomer.objects.all().delete()
    assert "1 unknown until now" in reconcile()
    assert as_ada.get("/purchases/icon-set/").status_code == 200
    assert StripeCustomer.objects.count() == 1


def test_purchase_of_an_account_newer_than_the_backup_is_stored(
    as_ada: Client, icons: ProductConfiguration, without_webhooks: Any
) -> None:
    """The purchase is stored with the buyer's e-mail; a new user with the same primary key gets no access."""
    buy(as_ada, icons)
    Purchase.objects.all().delete()
    number = User.objects.get().pk
    User.objects.get().delete()
    User.objects.create_user("bob@example.com", "bob-looks-around", pk=number)
    assert "1 unknown until now" in reconcile()
    adopted = Purchase.objects.get()
    assert (adopted.user, adopted.email, adopted.status) == (None, "ada@example.com", Status.PAID)
    assert "0 unknown" in reconcile()


def test_sessions_of_another_shop_are_ignored(icons: ProductConfiguration, without_webhooks: Any) -> None:
    without_webhooks.client.v1.checkout.sessions.create(
        {
            "mode": "payment",
            "line_items": [{"price": icons.prices[0].id, "quantity": 1}],
            "success_url": "https://other.example/",
            "metadata": {"purchase": "their-own-number"},
        }
    )
    assert "0 unknown" in reconcile()
    assert not Purchase.objects.exists()


def test_undelivered_events_are_processed(as_ada: Client, icons: ProductConfiguration, sandbox: Any) -> None:
    pay(press_buy(as_ada, icons))
    sandbox.switches(fail_next_n=100)
    sandbox.deliver()
    assert not WebhookEvent.objects.exists()
    reconcile()
    assert WebhookEvent.objects.filter(type="checkout.session.completed").exclude(processed_at=None).exists()


def test_since_processes_delivered_events_missing_from_a_restored_backup(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    purchase = buy(as_ada, icons)
    sandbox.client.v1.refunds.create({"payment_intent": purchase.payment_intent_id})
    sandbox.deliver()
    assert Purchase.objects.get().suspended_by == Suspension.REFUNDED
    WebhookEvent.objects.filter(type__contains="refund").delete()
    Purchase.objects.update(suspended_by="", amount_refunded=0)
    Payment.objects.update(amount_refunded=0)
    assert "0 repaired" in reconcile()
    assert "1 repaired" in reconcile("--since", "1h")
    assert Purchase.objects.get().suspended_by == Suspension.REFUNDED
    assert "0 undelivered events processed" in reconcile("--since", "1h")


class CountingClient(InProcessClient):
    request_count = 0

    def request(self, *args: Any, **kwargs: Any) -> Any:
        type(self).request_count += 1
        return super().request(*args, **kwargs)


def test_unchanged_purchases_cost_one_request_per_hundred(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any, settings: Any
) -> None:
    from stripe_sandbox import storage

    purchase = buy(as_ada, icons)
    sandbox.deliver()
    session = storage.get(str(purchase.session_id))
    assert session is not None
    rows, user, payment = [], User.objects.get(), purchase.payments.get()
    with storage.transaction():
        for number in range(250):
            storage.put({**session, "id": f"cs_test_copy_{number:04}"})
            rows.append(
                Purchase(
                    user=user, email=user.email, product=purchase.product, price=purchase.price, livemode=False,
                    currency="usd", amount_total=1900, status=Status.PAID, session_id=f"cs_test_copy_{number:04}",
                    order_number=f"W-{number:04}",
                )
            )  # fmt: skip
    Purchase.objects.bulk_create(rows)
    payments = []
    for number, row in enumerate(rows):
        payments.append(copy(payment))
        payments[-1].pk, payments[-1].stripe_id, payments[-1].purchase = None, f"pi_copy_{number}", row
    Payment.objects.bulk_create(payments)
    settings.STRIPE_HTTP_CLIENT = "tests.integration.test_reconcile.CountingClient"
    CountingClient.request_count = 0
    assert "0 repaired" in reconcile()
    # three pages of sessions; subscriptions, refunds, disputes, events
    assert CountingClient.request_count <= 3 + 4


def test_old_open_purchase_is_checked(
    as_ada: Client, icons: ProductConfiguration, without_webhooks: Any
) -> None:
    pay(press_buy(as_ada, icons))
    Purchase.objects.update(created_at=timezone.now() - timedelta(days=20))
    reconcile()
    assert Purchase.objects.get().status == Status.PAID


def test_unavailable_stripe_is_reported(sandbox: Any, disconnect_stripe: Any) -> None:
    disconnect_stripe()
    with pytest.raises(CommandError, match="request to Stripe failed"):
        reconcile()
