"""After a backup was restored, e-mails that were sent after the backup was made are not repeated."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from apps.ecommerce.models import Mail, Payment, ProductConfiguration, Purchase, ScheduledRun
from apps.ecommerce.purchases.emails.queue import queue_trial_ending_email, send_unsent
from apps.ecommerce.purchases.fulfilment import sync_purchase
from tests.factories import buy

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def restored(emailed_until: datetime | None = None) -> None:
    """Set the state after `make restore`."""
    now = timezone.now()
    ScheduledRun.objects.update_or_create(
        command="restore", defaults={"started_at": emailed_until or now, "finished_at": now}
    )


def forget_purchases() -> None:
    Purchase.objects.all().delete()


def kinds() -> list[str]:
    return list(Mail.objects.order_by("pk").values_list("kind", flat=True))


def test_sale_after_the_backup_is_found_without_an_email(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    buy(as_ada, icons)
    sandbox.deliver()
    assert kinds() == [Mail.Kind.CONFIRMED]
    forget_purchases()
    restored()
    call_command("reconcile_purchases")
    assert Purchase.objects.get().status == "paid"
    sync_purchase(Purchase.objects.get(), "return page")
    assert kinds() == []


def test_sale_during_the_outage_is_confirmed(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any, mailoutbox: list[Any]
) -> None:
    """The site had already stopped sending e-mails when the order was paid."""
    stopped_at = timezone.now() - HOUR
    buy(as_ada, icons)
    forget_purchases()
    restored(stopped_at)
    call_command("reconcile_purchases")
    assert kinds() == [Mail.Kind.CONFIRMED]
    assert len(mailoutbox) == 1


def test_open_checkout_of_the_backup_that_was_paid_later_is_not_confirmed_again(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    purchase = buy(as_ada, icons)
    Payment.objects.all().delete()
    Mail.objects.all().delete()
    Purchase.objects.update(status="open", paid_at=None, has_paid=False, payments_synced_at=None)
    restored()
    assert sync_purchase(Purchase.objects.get(), "return page").status == purchase.status
    assert kinds() == []


def test_refund_after_the_backup_is_stored_without_an_email(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    purchase = buy(as_ada, icons)
    sandbox.client.v1.refunds.create({"payment_intent": purchase.payment_intent_id})
    restored(timezone.now() + timedelta(seconds=1))
    call_command("reconcile_purchases")
    purchase.refresh_from_db()
    assert purchase.suspended_by == "refunded"
    assert kinds() == [Mail.Kind.CONFIRMED]


def test_change_after_the_restore_is_emailed(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    purchase = buy(as_ada, icons)
    restored(timezone.now() - HOUR)
    ScheduledRun.objects.filter(command="restore").update(finished_at=timezone.now() - HOUR / 2)
    call_command("reconcile_purchases")
    sandbox.client.v1.refunds.create({"payment_intent": purchase.payment_intent_id})
    sandbox.deliver()
    assert kinds() == [Mail.Kind.CONFIRMED, Mail.Kind.REFUNDED]


def test_change_of_status_is_emailed_only_after_a_complete_run(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = buy(as_ada, club)
    first, second = Purchase.objects.get(), {"cancel_at_period_end": True}
    restored()
    sandbox.client.v1.subscriptions.update(first.subscription_id, second)
    sync_purchase(first, "test")
    assert kinds() == [Mail.Kind.CONFIRMED]
    call_command("reconcile_purchases")
    sandbox.client.v1.subscriptions.cancel(first.subscription_id)
    sync_purchase(purchase, "test")
    assert kinds() == [Mail.Kind.CONFIRMED, Mail.Kind.ENDED]


def test_email_that_waited_in_the_backup_is_not_sent_again(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any, mailoutbox: list[Any]
) -> None:
    """One whose sending had failed is sent: it may never have reached the buyer."""
    purchase = buy(as_ada, icons)
    Mail.objects.all().delete()
    Mail.objects.create(purchase=purchase, kind=Mail.Kind.CONFIRMED, about="v1")
    Mail.objects.create(purchase=purchase, kind=Mail.Kind.REFUNDED, about="re_1", error="SMTPException: busy")
    mailoutbox.clear()
    call_command("reconcile_purchases", "--restored")
    assert [mail.extra_headers["X-Order"] for mail in mailoutbox] == [purchase.order_number]
    assert Mail.objects.get(kind=Mail.Kind.CONFIRMED).error.startswith("Was in the queue")
    assert send_unsent() == 0


def test_trial_notice_from_before_the_restore_is_not_repeated(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = buy(as_ada, club)
    now = timezone.now()
    times = {"trial_end": now + timedelta(days=2), "current_period_start": now - timedelta(days=12)}
    Purchase.objects.update(status="trialing", **times)
    purchase.refresh_from_db()
    restored(now)
    queue_trial_ending_email(purchase)
    assert Mail.Kind.TRIAL_ENDING not in kinds()
    ScheduledRun.objects.filter(command="restore").update(started_at=now - timedelta(days=2))
    queue_trial_ending_email(purchase)
    assert Mail.Kind.TRIAL_ENDING in kinds()
