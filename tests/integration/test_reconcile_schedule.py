"""The last complete run of reconcile_purchases is stored: the next one looks back to it. A missing one is reported."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import stripe
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from apps.ecommerce.models import ProductConfiguration, Purchase, ScheduledRun
from apps.ecommerce.operations.doctor import run_checks
from apps.ecommerce.operations.reconcile import reconcile
from apps.users.models import User
from stripe_sandbox import storage
from stripe_sandbox.resources import refunds
from tests.factories import buy, first_price, pay, press_buy, readiness, signed_in

pytestmark = pytest.mark.django_db


def run_was_completed(ago: timedelta) -> None:
    time = timezone.now() - ago
    ScheduledRun.objects.update_or_create(
        command="reconcile_purchases", defaults={"started_at": time, "finished_at": time}
    )


def age_all_events(days: int) -> None:
    for event in storage.find("event"):
        storage.update(event["id"], created=event["created"] - days * 86400)


def test_refund_during_an_outage_of_six_days_is_found(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    purchase = buy(as_ada, icons)
    run_was_completed(timedelta(days=6))
    sandbox.switches(drop=["*"])
    refunds.create_refund(storage.find("charge")[0])
    age_all_events(days=5)
    reconcile()
    purchase.refresh_from_db()
    assert purchase.suspended_by == "refunded"


@pytest.mark.parametrize(("last", "days"), [(timedelta(minutes=10), 2), (timedelta(days=6), 8), (None, 30)])
def test_run_looks_back_to_the_last_one_with_an_overlap(
    sandbox: Any, last: timedelta | None, days: int
) -> None:
    if last:
        run_was_completed(last)
    age = timezone.now() - reconcile(dry_run=True).since
    assert timedelta(days=days) - timedelta(minutes=1) < age < timedelta(days=days, minutes=11)


def test_only_complete_runs_without_a_gap_are_stored(sandbox: Any, disconnect_stripe: Any) -> None:
    reconcile(dry_run=True)
    assert not ScheduledRun.objects.exists()
    reconcile()
    first = ScheduledRun.objects.get()
    assert timezone.now() - first.finished_at < timedelta(minutes=1)
    run_was_completed(timedelta(days=6))
    # The run leaves a gap of five days.
    call_command("reconcile_purchases", "--since", "1d", verbosity=0)
    assert ScheduledRun.objects.get().started_at < first.started_at
    call_command("reconcile_purchases", "--since", "7d", verbosity=0)
    known = ScheduledRun.objects.get().started_at
    assert known > first.started_at
    disconnect_stripe()
    with pytest.raises(stripe.StripeError):
        reconcile()
    assert ScheduledRun.objects.get().started_at == known


def test_overdue_run_is_reported(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any, olive: User, client: Client
) -> None:
    admin = signed_in(olive)
    buy(as_ada, icons)
    assert (readiness().json()["reconcile"], readiness().json()["last_reconcile"]) == ("ok", None)
    Purchase.objects.update(created_at=timezone.now() - timedelta(hours=2))
    for expected in ("never", f"{timezone.now() - timedelta(hours=2):%Y-%m-%d}"):
        assert readiness().json()["reconcile"].startswith("overdue")
        warning = f"Last complete run of reconcile_purchases: {expected}"
        assert warning in admin.get("/admin/").content.decode()
        assert any(warning in finding.message for finding in run_checks())
        run_was_completed(timedelta(hours=2))
    reconcile()
    assert readiness().json()["reconcile"] == "ok"
    assert "Last complete run" not in admin.get("/admin/").content.decode()


def test_admin_shows_warnings_to_those_who_may_see_purchases(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    buy(as_ada, icons)
    run_was_completed(timedelta(hours=2))
    editor = User.objects.create_user("editor@example.com", is_staff=True)
    assert "Last complete run" not in signed_in(editor).get("/admin/").content.decode()


def test_checkout_that_stripe_never_opened_is_closed_and_not_looked_for_again(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any, disconnect_stripe: Any, settings: Any
) -> None:
    """Otherwise each run would list all sessions and events since then."""
    connection = settings.STRIPE_HTTP_CLIENT, settings.STRIPE_API_BASE
    disconnect_stripe()
    as_ada.post(f"/store/{icons.slug}/buy/", {"price": first_price(icons).id})
    settings.STRIPE_HTTP_CLIENT, settings.STRIPE_API_BASE = connection
    reconcile()
    assert Purchase.objects.get().is_open  # the buyer may try again, with the same idempotency key
    Purchase.objects.update(created_at=timezone.now() - timedelta(days=40))
    reconcile()
    assert Purchase.objects.get().status == "expired"
    assert timezone.now() - reconcile().since < timedelta(days=3)
    assert buy(as_ada, icons).status == "paid"


def test_checkout_whose_session_was_not_saved_is_found_before_it_is_closed(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    url = press_buy(as_ada, icons)
    Purchase.objects.update(session_id=None, created_at=timezone.now() - timedelta(days=2))
    pay(url)
    reconcile()
    assert Purchase.objects.get().status == "paid"
