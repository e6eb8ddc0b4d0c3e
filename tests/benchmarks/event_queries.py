"""The number of database queries that a webhook event needs."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.ecommerce.catalogue.sync import sync_product
from apps.ecommerce.models import Mail, Payment, ProductConfiguration, Purchase, WebhookEvent
from tests.factories import add_price, pay, press_buy
from tests.signed_events import deliver, events

pytestmark = pytest.mark.django_db

MAX_QUERIES = 8
MAX_PAYMENT_QUERIES = 10  # an event that also writes a payment
TRANSACTION_STATEMENTS = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "ROLLBACK")


def queries(event: dict[str, Any]) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        assert deliver(event).status_code == 200
    return [query["sql"] for query in captured if not query["sql"].startswith(TRANSACTION_STATEMENTS)]


def test_sale_duplicate_and_refund_events_need_few_queries(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any, settings: Any
) -> None:
    """The shop has a task queue, so the worker sends the e-mail."""
    settings.TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}
    pay(press_buy(as_ada, icons))
    (sold,) = events(sandbox, "checkout.session.completed")
    # Three more: billing details of the buyer, restored backup, license keys of the product.
    assert len(queries(sold)) <= MAX_PAYMENT_QUERIES + 3
    assert Payment.objects.get().status == "paid"
    assert Purchase.objects.get().status == "paid"
    assert Mail.objects.get().kind == Mail.Kind.CONFIRMED
    assert len(queries(sold)) == 2  # the insert that conflicts, and a lookup
    sandbox.client.v1.refunds.create({"payment_intent": Purchase.objects.get().payment_intent_id})
    for refunded in events(sandbox, "charge.refunded"):
        # Open upgrades, restored backup, stored refunds, and the insert of a refund.
        assert len(queries(refunded)) <= MAX_PAYMENT_QUERIES + 4
    assert Payment.objects.get().amount_refunded == 1900
    assert Purchase.objects.get().suspended_by == "refunded"


def test_event_without_a_handler_needs_one_query(sandbox: Any, db: None) -> None:
    sandbox.client.v1.customers.create({"email": "eve@example.com"})
    (event,) = events(sandbox, "customer.created")
    assert len(queries(event)) == 1
    record = WebhookEvent.objects.get()
    assert (record.attempts, record.error, bool(record.processed_at)) == (1, "", True)


def test_product_and_price_events_need_few_queries(icons: ProductConfiguration, sandbox: Any) -> None:
    art = "http://127.0.0.1:8000/static/stripe_sandbox/art/tiny-tools.svg"
    sandbox.client.v1.products.update(icons.product_id, {"images": [art]})
    sync_product(icons.product_id)  # stores the new image before the counted event
    sandbox.client.v1.products.update(icons.product_id, {"name": "Renamed"})
    event, _older = events(sandbox, "product.updated")
    assert len(queries(event)) <= MAX_QUERIES + 1  # stores the new name for searches
    product = ProductConfiguration.objects.get().product
    assert (product.name, len(product.pictures)) == ("Renamed", 1)
    add_price(sandbox.client, icons.product_id, 4900)
    (event,) = [
        event for event in events(sandbox, "price.created") if event["data"]["object"]["unit_amount"] == 4900
    ]
    assert len(queries(event)) <= MAX_QUERIES
    assert ProductConfiguration.objects.get().sort_price == 1900
    assert [price.unit_amount for price in ProductConfiguration.objects.get().prices] == [1900, 4900]
