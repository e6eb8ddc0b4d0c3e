"""One purchase that fails does not stop `reconcile_purchases`; old purchases are checked in small batches."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import stripe
from django.core import mail
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from apps.ecommerce.models import Mail, Payment, ProductConfiguration, Purchase
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.operations import reconcile as module
from apps.ecommerce.operations.reconcile import reconcile
from apps.ecommerce.purchases import fulfilment
from apps.ecommerce.purchases.fulfilment import sync_purchase
from stripe_sandbox import storage
from stripe_sandbox.transport import InProcessClient
from tests.factories import buy, pay, press_buy
from tests.stripe_actions import deliver, renew

pytestmark = pytest.mark.django_db


@pytest.fixture
def fail_for(monkeypatch: pytest.MonkeyPatch) -> Callable[[Purchase], None]:
    """Return a function that makes Stripe refuse the requests for one purchase's Session."""

    def fail(purchase: Purchase) -> None:
        fetch = fulfilment.fetch_or_none

        def refuse(kind: str, key: str | None, **params: Any) -> Any:
            if key == purchase.session_id:
                raise stripe.PermissionError("This key may not read this Session.")
            return fetch(kind, key, **params)

        monkeypatch.setattr(fulfilment, "fetch_or_none", refuse)

    return fail


@pytest.fixture
def two_unnoticed(
    as_ada: Client, as_bob: Client, icons: ProductConfiguration, sandbox: Any
) -> tuple[Purchase, Purchase]:
    """Return two purchases that were paid without a webhook. The first one is compared first."""
    sandbox.switches(drop=["*"])
    pay(press_buy(as_bob, icons))
    pay(press_buy(as_ada, icons))
    second, first = Purchase.objects.order_by("pk")
    return first, second


def test_failing_purchase_does_not_stop_the_others_and_is_reported(
    two_unnoticed: tuple[Purchase, Purchase], fail_for: Callable[[Purchase], None]
) -> None:
    failing, other = two_unnoticed
    fail_for(failing)
    out, errors = StringIO(), StringIO()
    with pytest.raises(CommandError):
        call_command("reconcile_purchases", stdout=out, stderr=errors)
    other.refresh_from_db()
    assert other.status == Status.PAID
    assert "1 repaired" in out.getvalue()
    assert f"Error: {failing.session_id}: This key may not read this Session." in errors.getvalue()
    assert any("reconcile failing" in message.subject for message in mail.outbox)


def test_failing_list_does_not_stop_later_steps(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    purchase = buy(as_ada, icons)
    purchase.payments.all().delete()
    fetch = module.fetch_pages

    def refuse(kind: str, **params: Any) -> Any:
        if kind == "subscriptions":
            raise stripe.PermissionError("This key may not read subscriptions.")
        return fetch(kind, **params)

    monkeypatch.setattr(module, "fetch_pages", refuse)
    run = reconcile()
    assert run.failures == ["subscriptions: This key may not read subscriptions."]
    assert purchase.payments.count() == 1


def test_emails_are_sent_while_stripe_is_unreachable(
    as_ada: Client, icons: ProductConfiguration, disconnect_stripe: Callable[[], None]
) -> None:
    purchase = buy(as_ada, icons)
    Mail.objects.all().delete()
    Mail.objects.create(purchase=purchase, kind=Mail.Kind.CONFIRMED, about="v1")
    disconnect_stripe()
    with pytest.raises(stripe.APIConnectionError):
        reconcile()
    assert Mail.objects.get().sent_at


class RecordingClient(InProcessClient):
    urls: list[str] = []

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        self.urls.append(url)
        return super().request(method, url, *args, **kwargs)


def test_purchase_that_stripe_does_not_know_is_asked_for_once(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any, settings: Any
) -> None:
    purchase = buy(as_ada, icons)
    session = storage.get(str(purchase.session_id)) or {}
    purchase.payments.all().delete()
    storage.delete(str(purchase.session_id))
    settings.STRIPE_HTTP_CLIENT = "tests.integration.test_reconcile_failures.RecordingClient"
    counts = []
    for _run in range(2):
        RecordingClient.urls.clear()
        reconcile()
        counts.append(sum(str(purchase.session_id) in url for url in RecordingClient.urls))
    assert counts[0] > 0
    assert counts[1] == 0
    purchase = Purchase.objects.get()
    assert (purchase.status, purchase.opens_product) == (Status.PAID, True)
    storage.put(session)  # the former account's key is back
    assert (sync_purchase(purchase, "test").subscription_status, Payment.objects.count()) == ("", 1)


def make_old(**filters: Any) -> None:
    long_ago = timezone.now() - timedelta(days=31)
    Purchase.objects.filter(**filters).update(synced_at=long_ago, payments_synced_at=long_ago)


def test_single_deleted_payment_is_restored_later(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = renew(sandbox, deliver(sandbox, buy(as_ada, club)))
    mails = Mail.objects.count()
    deleted = purchase.payments.last()
    assert deleted
    Payment.objects.filter(pk=deleted.pk).delete()
    reconcile()
    assert purchase.payments.count() == 1
    make_old()
    reconcile()
    assert purchase.payments.filter(stripe_id=deleted.stripe_id).exists()
    assert Mail.objects.count() == mails


def test_old_purchases_are_checked_in_batches_without_waiting_for_a_failing_one(
    as_ada: Client,
    as_bob: Client,
    icons: ProductConfiguration,
    sandbox: Any,
    fail_for: Callable[[Purchase], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_RECHECKS", 1)
    failing, other = buy(as_ada, icons), buy(as_bob, icons)
    make_old()
    Purchase.objects.filter(pk=failing.pk).update(synced_at=timezone.now() - timedelta(days=32))
    fail_for(failing)
    assert len(reconcile().failures) == 1
    reconcile()
    old = timezone.now() - timedelta(days=1)
    assert list(Purchase.objects.filter(payments_synced_at__lt=old)) == [failing]
    assert Purchase.objects.get(pk=other.pk).payments_synced_at > old
