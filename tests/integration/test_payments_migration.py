"""Purchases from before payments were stored keep their access and history, and get their payments at the next sync."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from apps.ecommerce.models import Payment, ProductConfiguration, Purchase, StatusChange
from apps.ecommerce.operations.reconcile import reconcile
from apps.ecommerce.purchases.entitlements import has_access
from apps.users.models import User
from tests.factories import buy, signed_in
from tests.stripe_actions import deliver, dispute, lose, paid_charges, refund

pytestmark = pytest.mark.django_db(transaction=True)
BEFORE = [("ecommerce", "0001_initial")]
DAY = timedelta(days=1)
numbers = count()


class Migrator:
    def __init__(self) -> None:
        self.latest = MigrationExecutor(connection).loader.graph.leaf_nodes()

    def back(self) -> Any:
        """Undo the migrations of payments, and return the models of before."""
        executor = MigrationExecutor(connection)
        executor.migrate(BEFORE)
        return MigrationExecutor(connection).loader.project_state(BEFORE).apps

    def forward(self) -> None:
        MigrationExecutor(connection).migrate(self.latest)


@pytest.fixture
def migrator(db: None) -> Iterator[Migrator]:
    migrator = Migrator()
    yield migrator
    if "order_number" not in columns("ecommerce_purchase"):
        old = MigrationExecutor(connection).loader.project_state(BEFORE).apps
        old.get_model("ecommerce", "Purchase").objects.all().delete()
    migrator.forward()


def columns(table: str) -> list[str]:
    with connection.cursor() as cursor:
        return [column.name for column in connection.introspection.get_table_description(cursor, table)]


def create_catalogue(old: Any) -> tuple[Any, Any]:
    """Return a one-time and a monthly price."""
    now, prices = timezone.now(), []
    for name, kind, interval in [("Icons", "one_time", ""), ("Club", "recurring", "month")]:
        product = old.get_model("ecommerce", "Product").objects.create(
            id=f"prod_{name}", name=name, synced_at=now
        )
        prices.append(
            old.get_model("ecommerce", "Price").objects.create(
                id=f"price_{name}",
                product=product,
                currency="usd",
                unit_amount=900,
                nickname=f"{name} price",
                type=kind,
                interval=interval,
                synced_at=now,
            )
        )
    return prices[0], prices[1]


def create_purchase(old: Any, price: Any, status: str, **fields: Any) -> Any:
    number = next(numbers)
    defaults = {
        "public_id": uuid4(),
        "email": f"buyer{number}@example.com",
        "product": price.product,
        "price": price,
        "livemode": False,
        "currency": "usd",
        "amount_subtotal": 900,
        "amount_total": 900,
        "session_id": f"cs_test_{number}",
        "paid_at": timezone.now() - 3 * DAY,
    }
    return old.get_model("ecommerce", "Purchase").objects.create(status=status, **(defaults | fields))


def create_subscription(old: Any, price: Any, status: str, stripe_status: str, **fields: Any) -> Any:
    now = timezone.now()
    periods = {"current_period_start": now - 3 * DAY, "current_period_end": now + 27 * DAY}
    subscription = {"subscription_id": f"sub_{next(numbers)}", "subscription_status": stripe_status}
    return create_purchase(old, price, status, is_recurring=True, **(subscription | periods | fields))


# old status ▶ new status, suspended_by, access
ONE_TIME = {
    "open": ("open", "", False),
    "processing": ("processing", "", False),
    "failed": ("failed", "", False),
    "expired": ("expired", "", False),
    "paid": ("paid", "", True),
    "partially_refunded": ("paid", "", True),
    "refunded": ("paid", "refunded", False),
    "disputed": ("paid", "disputed", False),
    "dispute_lost": ("paid", "dispute_lost", False),
}
# (old status, status at Stripe) ▶ the same
SUBSCRIPTIONS = {
    ("active", "active"): ("active", "", True),
    ("trialing", "trialing"): ("trialing", "", True),
    ("past_due", "past_due"): ("past_due", "", True),
    ("unpaid", "unpaid"): ("unpaid", "", False),
    ("paused", "paused"): ("paused", "", False),
    ("incomplete", "incomplete"): ("incomplete", "", False),
    ("expired", "incomplete_expired"): ("expired", "", False),
    ("canceled", "canceled"): ("canceled", "", False),
    ("canceled", "missing"): ("canceled", "", False),
    ("partially_refunded", "active"): ("active", "", True),
    **{
        (reversal, stripe_status): (status, reversal, False)
        for reversal in ("refunded", "disputed", "dispute_lost")
        for stripe_status, status in [
            ("active", "active"),
            ("trialing", "trialing"),
            ("past_due", "past_due"),
            ("unpaid", "unpaid"),
            ("paused", "paused"),
            ("canceled", "canceled"),
            ("missing", "canceled"),
        ]
    },
}


def test_purchases_are_migrated(migrator: Migrator, settings: Any) -> None:
    """Each scenario creates purchases, waits for the migration, which takes seconds, and checks them."""
    settings.PAST_DUE_GRACE_DAYS = 7
    old = migrator.back()
    once, monthly = create_catalogue(old)
    scenarios = [
        scenario(old, once, monthly)
        for scenario in (statuses, names_and_order_numbers, number_of_a_new_purchase, history, end_of_access)
    ]
    for scenario in scenarios:
        next(scenario)
    migrator.forward()
    for scenario in scenarios:
        assert next(scenario, "checked") == "checked"


def statuses(old: Any, once: Any, monthly: Any) -> Iterator[None]:
    expected: dict[int, tuple[str, str, bool]] = {}
    for status, result in ONE_TIME.items():
        unpaid = {"paid_at": None} if status in ("open", "processing", "failed", "expired") else {}
        expected[create_purchase(old, once, status, **unpaid).pk] = result
    for (status, stripe_status), result in SUBSCRIPTIONS.items():
        expected[create_subscription(old, monthly, status, stripe_status).pk] = result
    old_rows = old.get_model("ecommerce", "Purchase").objects.filter(pk__in=expected)
    before = dict(old_rows.values_list("pk", "status"))
    yield
    purchases = Purchase.objects.in_bulk(expected)
    for pk, row in purchases.items():
        assert (row.status, row.suspended_by, has_access(row)) == expected[pk], (
            before[pk],
            row.subscription_status,
        )
    assert purchases.keys() == before.keys() == expected.keys()
    found = {row.subscription_status for row in purchases.values()}
    assert found >= {stripe_status for _status, stripe_status in SUBSCRIPTIONS}


def names_and_order_numbers(old: Any, once: Any, monthly: Any) -> Iterator[None]:
    more_than_a_batch = 450
    pks = [
        create_purchase(old, (once, monthly)[number % 2], "paid").pk for number in range(more_than_a_batch)
    ]
    yield
    rows = Purchase.objects.filter(pk__in=pks).select_related("product", "price")
    assert len({row.order_number for row in rows}) == len(rows) == more_than_a_batch
    for row in rows:
        assert (row.product_name, row.price_name) == (row.product.name, row.price.nickname)
        assert (row.quantity, row.order_number[:2]) == (1, "W-")


def number_of_a_new_purchase(old: Any, once: Any, monthly: Any) -> Iterator[None]:
    """A new purchase gets the same number as from the migration."""
    pk = create_purchase(old, once, "paid").pk
    yield
    purchase = Purchase.objects.get(pk=pk)
    number, purchase.order_number = purchase.order_number, ""
    purchase.save()
    assert purchase.order_number == number


def history(old: Any, once: Any, monthly: Any) -> Iterator[None]:
    steps = ["open", "paid", "partially_refunded", "refunded", "paid", "disputed", "dispute_lost"]
    purchase = create_purchase(old, once, "dispute_lost")
    subscription = create_subscription(old, monthly, "refunded", "active")
    changes = old.get_model("ecommerce", "StatusChange").objects
    for version, (before, after) in enumerate(zip(["", *steps], steps, strict=False)):
        changes.create(
            purchase=purchase, from_status=before, to_status=after, version=version, cause=f"c{version}"
        )
    changes.create(
        purchase=subscription, from_status="active", to_status="refunded", version=1, cause="charge.refunded"
    )
    yield
    history = list(StatusChange.objects.filter(purchase_id=purchase.pk).order_by("version"))
    assert [row.to_status for row in history] == ["open", *["paid"] * 6]
    assert [row.from_status for row in history] == ["", "open", *["paid"] * 5]
    assert [row.suspended_by for row in history] == ["", "", "", "refunded", "", "disputed", "dispute_lost"]
    assert [row.cause for row in history] == [f"c{version}" for version in range(7)]
    (change,) = StatusChange.objects.filter(purchase_id=subscription.pk)
    assert (change.from_status, change.to_status, change.suspended_by) == ("active", "active", "refunded")


def end_of_access(old: Any, once: Any, monthly: Any) -> Iterator[None]:
    """Access ends at the same time as before the migration."""
    now = timezone.now()
    running = create_subscription(old, monthly, "active", "active")
    overdue = create_subscription(old, monthly, "past_due", "past_due")
    ending = create_subscription(old, monthly, "active", "active", cancel_at=now + 5 * DAY)
    trial = create_subscription(
        old, monthly, "trialing", "trialing", amount_total=0, trial_end=now + 27 * DAY
    )
    yield
    ends = {
        running.pk: running.current_period_end + 7 * DAY,
        overdue.pk: overdue.current_period_start + 7 * DAY,
        ending.pk: ending.cancel_at,
        trial.pk: trial.current_period_end + timedelta(hours=3),
    }
    for pk, end in ends.items():
        purchase = Purchase.objects.get(pk=pk)
        assert has_access(purchase, end - timedelta(seconds=1)), purchase.status
        assert not has_access(purchase, end), purchase.status


def test_sync_after_the_migration_stores_the_payments(
    migrator: Migrator,
    icons: ProductConfiguration,
    club: ProductConfiguration,
    sandbox: Any,
    settings: Any,
) -> None:
    settings.CANCEL_AFTER_LOST_DISPUTE = False
    reversals = ["refunded", "disputed", "dispute_lost", "partially_refunded", ""]
    old_statuses = {}
    for reversal in reversals:
        buyer = User.objects.create_user(f"{reversal or 'paid'}@example.com", "buys-things")
        for product in (icons, club):
            known = {charge["id"] for charge in paid_charges()}
            purchase = deliver(sandbox, buy(signed_in(buyer), product))
            (charge,) = [charge for charge in paid_charges() if charge["id"] not in known]
            match reversal:
                case "refunded":
                    refund(sandbox, charge)
                case "partially_refunded":
                    refund(sandbox, charge, 100)
                case "disputed":
                    dispute(charge)
                case "dispute_lost":
                    lose(dispute(charge))
            deliver(sandbox, purchase)
            if reversal:
                old_statuses[purchase.pk] = reversal
    names = ["pk", "status", "suspended_by", "amount_refunded", "paid_until", "has_paid", "order_number"]
    purchases = list(Purchase.objects.order_by("pk").values(*names))
    rows = without_ids(Payment.objects.order_by("stripe_id").values())
    assert len(rows) == 2 * len(reversals)
    old = migrator.back()
    for pk, status in old_statuses.items():
        old.get_model("ecommerce", "Purchase").objects.filter(pk=pk).update(status=status)
    migrator.forward()
    assert not Payment.objects.exists()
    reconcile()
    assert without_ids(Payment.objects.order_by("stripe_id").values()) == rows
    assert list(Purchase.objects.order_by("pk").values(*names)) == purchases


def without_ids(rows: Any) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != "id"} for row in rows]
