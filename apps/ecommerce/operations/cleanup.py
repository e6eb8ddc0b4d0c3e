"""What runs again and again: reconcile and alarms (every ten minutes), deletion of old rows (at night)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Any

import stripe
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.core.files.storage import default_storage
from django.db.models import Q, QuerySet
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from apps.core.tasks import task
from apps.ecommerce.models import Product, WebhookEvent
from apps.ecommerce.operations.alerts import raise_alarms
from apps.ecommerce.operations.reconcile import Report, reconcile

EVENT_DAYS = 90  # Stripe itself keeps an event for 30 and delivers none again after that
TASK_DAYS = 14
PICTURE_DAYS = 30  # other sites keep what a link to us showed
PICTURES = "products"  # folder of the storage
BATCH = 1000
QUIET = timedelta(minutes=10)  # with no event for so long, a repair is no coincidence


@task()
def keep_house() -> str:
    """Reconcile by the worker: reconcile_purchases --background."""
    return summary(reconcile_and_alert()[0])


def reconcile_and_alert(since: datetime | None = None, **options: Any) -> tuple[Report, list[str]]:
    """Reconcile, and raise alarms. Return the report, and what is wrong. Raise stripe.StripeError if Stripe is away."""
    try:
        report = reconcile(since, **options)
    except stripe.StripeError as error:
        raise_alarms({"Stripe unreachable": f"Stripe could not be asked: {error.user_message or error}"})
        raise
    return report, raise_alarms(_lost_events(report))


def summary(report: Report, *, dry_run: bool = False) -> str:
    verb = "would be " if dry_run else ""
    return (
        f"Looked at {report.looked_at}, {len(report.repaired)} {verb}repaired, {len(report.found)} unknown until now, "
        f"{report.events} undelivered events {verb}processed, {report.unsent_mails} mails still unsent."
    )


def _lost_events(report: Report) -> dict[str, str]:
    """Return the alarm about lost events, by key. What was paid a moment ago, and is still in transit, raises none."""
    quiet = report.last_event is None or timezone.now() - report.last_event > QUIET
    if not (report.late_events or report.found or (report.repaired and quiet)):
        return {}
    text = f"Stripe's webhooks do not tell everything. {summary(report)} Run: manage.py stripe_doctor"
    return {"events lost": text}


def outdated() -> dict[str, QuerySet]:
    """Return the rows to delete, by name. Purchases, their status changes and e-mails are kept for ever."""
    now = timezone.now()
    old_task = now - timedelta(days=TASK_DAYS)
    return {
        "expired sessions": Session.objects.filter(expire_date__lt=now),
        # IP address and browser of each sign-in, for the account page.
        "records of ended sessions": UserSession.objects.exclude(
            session_key__in=Session.objects.filter(expire_date__gte=now).values("session_key")
        ),
        # A task that was running when its worker was killed never finishes.
        "task results": DBTaskResult.objects.filter(
            Q(finished_at__lt=old_task) | Q(status="RUNNING", started_at__lt=old_task)
        ),
        "processed webhook events": WebhookEvent.objects.filter(
            processed_at__isnull=False, received_at__lt=now - timedelta(days=EVENT_DAYS)
        ),
    }


def unused_pictures() -> Iterator[str]:
    """Yield names of files that no product shows and that are old; shared links may still lead to younger ones."""
    products = Product.objects.only("images", "copies").iterator()
    shown = {
        name
        for product in products
        for picture in product.pictures
        for name in (picture.files or [picture.address])
    }
    kept = {PurePosixPath(name).name for name in shown}
    before = timezone.now() - timedelta(days=PICTURE_DAYS)
    try:
        _folders, names = default_storage.listdir(PICTURES)
    except FileNotFoundError:
        return
    for name in (f"{PICTURES}/{name}" for name in names if name not in kept):
        if default_storage.get_modified_time(name) < before:
            yield name


def delete(rows: QuerySet) -> int:
    """Delete in small transactions, so that no request waits long. Return the number of rows."""
    count = 0
    while keys := list(rows.order_by().values_list("pk", flat=True)[:BATCH]):
        rows.model._default_manager.filter(pk__in=keys).delete()
        count += len(keys)
    return count
