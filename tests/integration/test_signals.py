"""access_granted and access_revoked are sent once, and failing receivers do not stop a purchase."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.utils.translation import get_language, override

from apps.ecommerce.models import ProductConfiguration, Purchase
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.fulfilment import sync_purchase
from apps.ecommerce.purchases.signals import access_granted, access_revoked
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
