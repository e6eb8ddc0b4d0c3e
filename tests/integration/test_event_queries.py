"""What an event of Stripe's costs the database: at most eight queries."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.ecommerce.catalogue.sync import sync_product
from apps.ecommerce.models import Mail, ProductConfiguration, Purchase, WebhookEvent
from tests.factories import add_price, pay, press_buy
from tests.integration.test_payment_events import deliver, events

pytestmark = pytest.mark.django_db

MOST = 8
CONTROL = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "ROLLBACK")


def queries(event: dict[str, Any]) -> list[str]:
    with CaptureQueriesContext(connection) as asked:
        assert deliver(event).status_code == 200
    return [query["sql"] for query in asked if not query["sql"].startswith(CONTROL)]


def test_a_sale_its_repetition_and_its_refund(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any, settings: Any
) -> None:
    """With a queue, which belongs to the event; the mail is the worker's."""
    settings.TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}
    pay(press_buy(as_ada, icons))
    (sold,) = events(sandbox, "checkout.session.completed")
    assert len(queries(sold)) <= MOST
    assert Purchase.objects.get().status == "paid"
    assert Mail.objects.get().kind == Mail.Kind.CONFIRMED
    assert len(queries(sold)) == 2  # it was done: written in vain, looked up
    sandbox.client.v1.refunds.create({"payment_intent": Purchase.objects.get().payment_intent_id})
    for refunded in events(sandbox, "charge.refunded"):
        assert len(queries(refunded)) <= MOST
    assert Purchase.objects.get().status == "refunded"


def test_what_the_store_does_not_act_on_is_one_row(sandbox: Any, db: None) -> None:
    sandbox.client.v1.customers.create({"email": "somebody@example.com"})
    (event,) = events(sandbox, "customer.created")
    assert len(queries(event)) == 1
    record = WebhookEvent.objects.get()
    assert (record.attempts, record.error, bool(record.processed_at)) == (1, "", True)


def test_a_product_with_its_price(icons: ProductConfiguration, sandbox: Any) -> None:
    art = "http://127.0.0.1:8000/static/stripe_sandbox/art/tiny-tools.svg"
    sandbox.client.v1.products.update(icons.product_id, {"images": [art]})
    sync_product(icons.product_id)  # a new picture is looked for outside the transaction
    sandbox.client.v1.products.update(icons.product_id, {"name": "Renamed"})
    event, _older = events(sandbox, "product.updated")
    assert len(queries(event)) <= MOST
    product = ProductConfiguration.objects.get().product
    assert (product.name, len(product.pictures)) == ("Renamed", 1)
    add_price(sandbox.client, icons.product_id, 4900)
    (event,) = [
        event for event in events(sandbox, "price.created") if event["data"]["object"]["unit_amount"] == 4900
    ]
    assert len(queries(event)) <= MOST
    assert ProductConfiguration.objects.get().sort_price == 1900
    assert [price.unit_amount for price in ProductConfiguration.objects.get().prices] == [1900, 4900]
