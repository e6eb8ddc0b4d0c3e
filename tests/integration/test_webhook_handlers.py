"""Handlers that a fork adds with `add_handler`."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.ecommerce import webhooks
from apps.ecommerce.models import ProductConfiguration, Purchase, Suspension, WebhookEvent
from apps.ecommerce.webhooks import Payload, add_handler
from tests.factories import buy

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def handlers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "HANDLERS", {**webhooks.HANDLERS})


def test_added_handler_gets_object_and_cause(sandbox: Any) -> None:
    calls: list[tuple[str, str]] = []

    @add_handler("customer.updated")
    def record(customer: Payload, cause: str) -> None:
        calls.append((customer["name"], cause))

    customer = sandbox.client.v1.customers.create({"email": "ada@example.com"})
    sandbox.client.v1.customers.update(customer.id, {"name": "Ada"})
    sandbox.deliver()
    (event,) = sandbox.events("customer.updated")
    assert calls == [("Ada", f"customer.updated {event['id']}")]


def test_added_handler_runs_after_those_of_the_store(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    found: list[str] = []

    @add_handler("charge.refunded")
    @add_handler("charge.refunded")
    def record(charge: Payload, cause: str) -> None:
        found.append(Purchase.objects.get().suspended_by)

    purchase = buy(as_ada, icons)
    sandbox.deliver()
    sandbox.client.v1.refunds.create({"payment_intent": purchase.payment_intent_id})
    sandbox.deliver()
    assert found == [Suspension.REFUNDED, Suspension.REFUNDED]


def test_failed_handler_leaves_the_event_for_a_retry(sandbox: Any) -> None:
    failures = [RuntimeError("The other server does not respond.")]

    @add_handler("customer.created")
    def fail_once(customer: Payload, cause: str) -> None:
        if failures:
            raise failures.pop()

    sandbox.client.v1.customers.create({"email": "ada@example.com"})
    sandbox.deliver()
    event = WebhookEvent.objects.get(type="customer.created")
    assert event.processed_at is None
    assert "does not respond" in event.error
    sandbox.deliver(after=24 * 3600)
    event.refresh_from_db()
    assert event.processed_at
    assert event.error == ""
