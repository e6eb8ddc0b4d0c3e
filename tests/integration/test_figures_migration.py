"""Payments and subscriptions from before the figures get their columns and their ledger."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from apps.ecommerce.models import Payment, Purchase, SubscriptionChange

pytestmark = pytest.mark.django_db(transaction=True)
FIGURES = ("ecommerce", "0019_figures")
DAY = timedelta(days=1)
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def old(db: None) -> Iterator[Any]:
    """Undo the migrations, and return the models of before."""
    executor = MigrationExecutor(connection)
    latest = executor.loader.graph.leaf_nodes()
    before = [key for key in executor.loader.graph.node_map[FIGURES].parents if key.key[0] == "ecommerce"]
    targets = [node.key for node in before]
    executor.migrate(targets)
    yield MigrationExecutor(connection).loader.project_state(targets).apps
    MigrationExecutor(connection).migrate(latest)


def migrate() -> None:
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


def create_subscription(old: Any, number: int, price: Any, **fields: Any) -> Any:
    values = {
        "product_id": "prod_1",
        "price": price,
        "currency": "usd",
        "livemode": False,
        "is_recurring": True,
    }
    values |= {"email": "a@b.example", "order_number": f"W-{number}", "subscription_id": f"sub_{number}"}
    return old.get_model("ecommerce", "Purchase").objects.create(**values | fields)


def pay(old: Any, purchase: Any, at: datetime, amount: int = 900) -> None:
    old.get_model("ecommerce", "Payment").objects.create(
        purchase=purchase,
        stripe_id=f"in_{purchase.pk}_{at:%m%d}",
        status="paid",
        currency="usd",
        amount_total=amount,
        amount_paid=amount,
        created_at=at,
        paid_at=at,
    )


def test_existing_subscriptions_get_their_ledger(old: Any) -> None:
    old.get_model("ecommerce", "Product").objects.create(id="prod_1", name="Club", synced_at=START)
    prices = [
        old.get_model("ecommerce", "Price").objects.create(
            id=f"price_{interval}",
            product_id="prod_1",
            currency="usd",
            unit_amount=amount,
            currency_options={"eur": 800},
            type="recurring",
            interval=interval,
            synced_at=START,
        )
        for interval, amount in (("month", 900), ("year", 9999))
    ]
    monthly, yearly = prices
    running = create_subscription(old, 1, monthly, status="active", quantity=2)
    pay(old, running, START + 30 * DAY)
    pay(old, running, START)
    ended = create_subscription(old, 2, yearly, status="canceled", trial_end=START + 14 * DAY)
    pay(old, ended, START, amount=0)
    pay(old, ended, START + 14 * DAY)
    change = old.get_model("ecommerce", "StatusChange").objects.create(
        purchase=ended, to_status="canceled", version=2, cause="test"
    )
    old.get_model("ecommerce", "StatusChange").objects.filter(pk=change.pk).update(at=START + 90 * DAY)
    trial = create_subscription(old, 3, monthly, status="trialing", trial_end=START + 14 * DAY)
    pay(old, trial, START, amount=0)
    never_paid = create_subscription(old, 4, monthly, status="canceled")
    in_euro = create_subscription(old, 5, monthly, status="past_due", currency="eur", livemode=True)
    pay(old, in_euro, START)

    migrate()
    rows = SubscriptionChange.objects.order_by("purchase_id", "at")
    assert [
        (row.purchase_id, row.at, row.currency, row.livemode, row.monthly_amount_change, row.count_change)
        for row in rows
    ] == [
        (running.pk, START, "usd", False, 1800, 1),
        (ended.pk, START + 14 * DAY, "usd", False, 833, 1),
        (ended.pk, START + 90 * DAY, "usd", False, -833, -1),
        (in_euro.pk, START, "eur", True, 800, 1),
    ]
    amounts = dict(Purchase.objects.values_list("pk", "monthly_amount"))
    assert amounts == {running.pk: 1800, ended.pk: None, trial.pk: None, never_paid.pk: None, in_euro.pk: 800}
    assert set(Payment.objects.values_list("purchase", "livemode", "product")) == {
        (row.pk, row.livemode, "prod_1") for row in (running, ended, trial, in_euro)
    }
