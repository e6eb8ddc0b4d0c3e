"""access_granted and access_revoked are sent once, and failing receivers do not stop a purchase."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from django.test import Client
from django.utils.translation import get_language, override

from apps.ecommerce.models import Payment, ProductConfiguration, Purchase, ReceiverCall
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.operations.reconcile import reconcile
from apps.ecommerce.purchases.fulfilment import sync_purchase
from apps.ecommerce.purchases.signals import (
    access_granted,
    access_revoked,
    payment_refunded,
    payment_succeeded,
    subscription_changed,
)
from stripe_sandbox.billing import panel_actions
from tests.factories import buy

pytestmark = pytest.mark.django_db(transaction=True)  # tasks run after the commit

Calls = list[tuple[str, Purchase]]


@pytest.fixture
def calls() -> Iterator[Calls]:
    found: Calls = []

    def on_granted(purchase: Purchase, **kwargs: Any) -> None:
        found.append(("granted", purchase))

    def on_revoked(purchase: Purchase, **kwargs: Any) -> None:
        found.append(("revoked", purchase))

    access_granted.connect(on_granted)
    access_revoked.connect(on_revoked)
    yield found
    access_granted.disconnect(on_granted)
    access_revoked.disconnect(on_revoked)


def test_sale_and_refund_call_receivers_once(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any, calls: Calls
) -> None:
    purchase = buy(as_ada, icons)
    sandbox.deliver()
    sync_purchase(purchase, "again")
    assert calls == [("granted", purchase)]
    sandbox.client.v1.refunds.create({"payment_intent": purchase.payment_intent_id})
    sandbox.deliver()
    sync_purchase(purchase, "again")
    assert calls == [("granted", purchase), ("revoked", purchase)]


def test_partial_refund_calls_no_receiver(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any, calls: Calls
) -> None:
    purchase = buy(as_ada, icons)
    sandbox.client.v1.refunds.create({"payment_intent": purchase.payment_intent_id, "amount": 100})
    sync_purchase(purchase, "refund")
    purchase.refresh_from_db()
    assert (purchase.status, purchase.suspended_by, purchase.amount_refunded) == (Status.PAID, "", 100)
    assert calls == [("granted", purchase)]


class CallableReceiver:
    def __init__(self, found: list[str]) -> None:
        self.found = found

    def __call__(self, event_id: str, **kwargs: Any) -> None:
        self.found.append(event_id)


def test_receivers_may_be_objects_and_coroutine_functions(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    found: list[str] = []

    async def on_granted(event_id: str, **kwargs: Any) -> None:
        found.append(event_id)

    receivers = [CallableReceiver(found), partial(CallableReceiver(found)), on_granted]
    for receiver in receivers:
        access_granted.connect(receiver)
    try:
        purchase = buy(as_ada, icons)
    finally:
        for receiver in receivers:
            access_granted.disconnect(receiver)
    assert purchase.status == Status.PAID
    assert len(found) == 3
    assert len(set(found)) == 1


def test_receivers_run_in_the_buyers_language(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any, settings: Any
) -> None:
    settings.LANGUAGES = [("en", "English"), ("de", "Deutsch")]
    languages = []

    def record(**kwargs: Any) -> None:
        languages.append(get_language())

    purchase = buy(as_ada, icons)
    Purchase.objects.update(language="de")
    sandbox.client.v1.refunds.create({"payment_intent": purchase.payment_intent_id})
    access_revoked.connect(record)
    try:
        with override("en"):
            sync_purchase(purchase, "refund")
    finally:
        access_revoked.disconnect(record)
    assert languages == ["de"]


def test_failing_receiver_stops_neither_sale_nor_other_receivers(
    as_ada: Client, icons: ProductConfiguration, caplog: pytest.LogCaptureFixture
) -> None:
    called = []

    def fail(**kwargs: Any) -> None:
        raise RuntimeError("The receiver failed.")

    def record(purchase: Purchase, **kwargs: Any) -> None:
        called.append(purchase)

    access_granted.connect(fail)
    access_granted.connect(record)
    try:
        purchase = buy(as_ada, icons)
    finally:
        access_granted.disconnect(fail)
        access_granted.disconnect(record)
    assert purchase.status == Status.PAID
    assert called == [purchase]
    assert "The receiver failed." in caplog.text


def test_failed_receiver_is_called_again_with_the_same_event_id(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    event_ids = []

    def fail_once(event_id: str, **kwargs: Any) -> None:
        event_ids.append(event_id)
        if len(event_ids) == 1:
            raise RuntimeError("The service is down.")

    access_granted.connect(fail_once)
    try:
        buy(as_ada, icons)
        call = ReceiverCall.objects.get()
        assert (call.attempts, call.done_at) == (1, None)
        assert "The service is down." in call.error
        assert reconcile().failed_receivers == 0
        reconcile()
    finally:
        access_granted.disconnect(fail_once)
    assert len(event_ids) == 2
    assert len(set(event_ids)) == 1
    call.refresh_from_db()
    assert (call.attempts, call.error) == (2, "")
    assert call.done_at


def test_each_payment_and_refund_calls_receivers_once(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    calls: list[tuple[str, int]] = []

    def on_paid(payment: Payment, **kwargs: Any) -> None:
        calls.append(("paid", payment.amount_paid))

    def on_refunded(payment: Payment, amount: int, **kwargs: Any) -> None:
        calls.append(("refunded", amount))

    payment_succeeded.connect(on_paid)
    payment_refunded.connect(on_refunded)
    try:
        purchase = buy(as_ada, club)
        panel_actions.advance_to_renewal(purchase.subscription_id)
        while sandbox.deliver(after=10):
            pass
        first = purchase.payments.earliest("created_at")
        for amount in (300, 200):
            sandbox.client.v1.refunds.create({"charge": first.charge_id, "amount": amount})
        while sandbox.deliver(after=10):
            pass
        purchase.payments.all().delete()
        sync_purchase(Purchase.objects.get(pk=purchase.pk), "rebuild")
    finally:
        payment_succeeded.disconnect(on_paid)
        payment_refunded.disconnect(on_refunded)
    assert sorted(calls) == [("paid", 900), ("paid", 900), ("refunded", 200), ("refunded", 300)]


def test_subscription_changed_names_the_fields(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = buy(as_ada, club)
    found: list[list[str]] = []

    def on_changed(changed: list[str], **kwargs: Any) -> None:
        found.append(changed)

    subscription_changed.connect(on_changed)
    try:
        sandbox.client.v1.subscriptions.update(purchase.subscription_id, {"cancel_at_period_end": True})
        sandbox.deliver()
    finally:
        subscription_changed.disconnect(on_changed)
    assert found == [["cancel_at"]]
