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

from apps.ecommerce.models import Mail, Payment, ProductConfiguration, Purchase, ScheduledRun
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.operations import reconcile as module
from apps.ecommerce.operations import reconcile_report
from apps.ecommerce.operations.reconcile import reconcile
from apps.ecommerce.purchases import fulfilment
from apps.ecommerce.purchases.fulfilment import sync_purchase
from apps.ecommerce.purchases.payments import reversals
from stripe_sandbox import storage
from stripe_sandbox.transport import InProcessClient
from tests.factories import buy, pay, press_buy
from tests.stripe_actions import deliver, renew

pytestmark = pytest.mark.django_db

NOT_PERMITTED = stripe.PermissionError("This key may not read this Session.")
SERVER_ERROR = stripe.APIError("Something went wrong on Stripe's end.", http_status=500)


@pytest.fixture
def fail_for(monkeypatch: pytest.MonkeyPatch) -> Callable[[Purchase], None]:
    """Return a function that makes Stripe refuse the requests for one purchase's Session."""

    def fail(purchase: Purchase, error: stripe.StripeError = NOT_PERMITTED) -> None:
        fetch = fulfilment.fetch_or_none

        def refuse(kind: str, key: str | None, **params: Any) -> Any:
            if key == purchase.session_id:
                raise error
            return fetch(kind, key, **params)

        monkeypatch.setattr(fulfilment, "fetch_or_none", refuse)

    return fail


@pytest.fixture
def lists_fail(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Return a function that makes some of Stripe's lists fail, and returns the lists that are requested."""

    def fail(error: stripe.StripeError, *kinds: str) -> list[str]:
        fetch, requested = module.fetch_pages, []

        def refuse(kind: str, **params: Any) -> Any:
            requested.append(kind)
            if not kinds or kind in kinds:
                raise error
            return fetch(kind, **params)

        monkeypatch.setattr(module, "fetch_pages", refuse)
        return requested

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
    assert any("reconcile-failing" in message.subject for message in mail.outbox)


def test_failing_list_does_not_stop_later_steps(
    as_ada: Client, icons: ProductConfiguration, lists_fail: Callable[..., list[str]]
) -> None:
    purchase = buy(as_ada, icons)
    purchase.payments.all().delete()
    lists_fail(stripe.PermissionError("This key may not read subscriptions."), "subscriptions")
    run = reconcile()
    assert run.failures == ["subscriptions: This key may not read subscriptions."]
    assert purchase.payments.count() == 1


def test_object_that_always_fails_at_stripe_does_not_stop_the_others(
    two_unnoticed: tuple[Purchase, Purchase], fail_for: Callable[..., None]
) -> None:
    failing, other = two_unnoticed
    fail_for(failing, SERVER_ERROR)
    run = reconcile()
    other.refresh_from_db()
    assert other.status == Status.PAID
    assert run.failures == [f"{failing.session_id}: Something went wrong on Stripe's end."]


def test_run_stops_if_many_objects_fail_at_stripe(
    two_unnoticed: tuple[Purchase, Purchase],
    fail_for: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reconcile_report, "MAX_SERVER_ERRORS", 1)
    for purchase in two_unnoticed:
        fail_for(purchase, SERVER_ERROR)
    with pytest.raises(stripe.APIError):
        reconcile()


def test_run_fails_if_no_list_can_be_read(lists_fail: Callable[..., list[str]]) -> None:
    lists_fail(SERVER_ERROR)
    with pytest.raises(stripe.APIError):
        reconcile()
    assert not ScheduledRun.objects.exists()


@pytest.mark.parametrize(
    "error",
    [
        stripe.APIConnectionError("No route."),
        stripe.AuthenticationError("No key."),
        stripe.RateLimitError("Slow."),
    ],
    ids=lambda error: type(error).__name__,
)
def test_run_stops_at_once_if_all_requests_fail(
    error: stripe.StripeError, lists_fail: Callable[..., list[str]]
) -> None:
    requested = lists_fail(error)
    with pytest.raises(type(error)):
        reconcile()
    assert len(requested) == 1


@pytest.mark.parametrize("error", [SERVER_ERROR, NOT_PERMITTED], ids=lambda error: type(error).__name__)
def test_run_after_a_failed_list_looks_back_as_far(
    error: stripe.StripeError,
    icons: ProductConfiguration,
    as_ada: Client,
    lists_fail: Callable[..., list[str]],
) -> None:
    buy(as_ada, icons)
    reconcile()
    before = ScheduledRun.objects.get()
    lists_fail(error, "events")
    reconcile()
    assert ScheduledRun.objects.get().started_at == before.started_at


def test_upgrade_that_cannot_be_closed_does_not_stop_the_others(
    as_ada: Client, as_bob: Client, icons: ProductConfiguration, monkeypatch: pytest.MonkeyPatch
) -> None:
    press_buy(as_ada, icons), press_buy(as_bob, icons)
    first, second = Purchase.objects.order_by("-pk")
    Purchase.objects.filter(pk=first.pk).update(upgrade_of=second)
    Purchase.objects.filter(pk=second.pk).update(upgrade_of=first)
    monkeypatch.setattr(reversals, "credits_too_much", lambda upgrade: True)
    closed: list[str] = []

    def fail_once(session_id: str) -> None:
        closed.append(session_id)
        if len(closed) == 1:
            raise SERVER_ERROR

    monkeypatch.setattr(reversals, "expire_session", fail_once)
    reversals.close_outdated_upgrades()
    assert len(closed) == 2


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
