from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import timedelta
from itertools import chain
from pathlib import PurePosixPath
from typing import Any

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.core.files.storage import default_storage
from django.core.management.base import BaseCommand
from django.db import connection
from django.db.models import Q, QuerySet
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from apps.core.vacuum import vacuum_if_worthwhile
from apps.ecommerce.content.files import measure_versions
from apps.ecommerce.models import Alert, Product, ProductConfiguration, WebhookEvent
from apps.ecommerce.models.pictures import Picture
from apps.ecommerce.operations.alert_names import DAILY_DIGEST, RECONCILE_REPAIRED

EVENT_DAYS = 90  # Stripe keeps an event for 30 days
TASK_DAYS = 14
ALERT_DAYS = 90
NEWS = (DAILY_DIGEST, RECONCILE_REPAIRED)  # each of these alerts is unique, so its row is not needed later
PICTURE_DAYS = 30  # link previews on other sites still use pictures that were replaced
PICTURE_FOLDER = "products"
BATCH_SIZE = 1000


class Command(BaseCommand):
    help = (
        "Delete expired sessions, old task results, processed events and unused pictures, compute missing checksums of "
        "files, and shrink SQLite's file. Safe on a live site."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="Print how many would be deleted, without deleting anything.",
        )

    def handle(self, *args: Any, dry_run: bool = False, **options: Any) -> None:
        verb = "would be deleted" if dry_run else "deleted"
        for name, rows in find_outdated_rows().items():
            count = rows.count() if dry_run else delete_rows(rows)
            self.stdout.write(f"{name}: {count} {verb}")
        pictures = list(find_unused_pictures())
        for picture in [] if dry_run else pictures:
            default_storage.delete(picture)
        self.stdout.write(f"unused pictures: {len(pictures)} {verb}")
        missing = [] if dry_run else measure_versions()
        if missing:
            self.stderr.write(f"missing files: {', '.join(missing)}")
        if line := vacuum_if_worthwhile(connection, dry_run=dry_run):
            self.stdout.write(line)


def find_outdated_rows() -> dict[str, QuerySet]:
    """Return the rows to delete, by name. Purchases, their history and e-mails are never deleted."""
    now = timezone.now()
    running = Session.objects.filter(expire_date__gte=now).values("session_key")
    old_task = now - timedelta(days=TASK_DAYS)
    old_alert = now - timedelta(days=ALERT_DAYS)
    aborted = Q(status="RUNNING", started_at__lt=old_task)
    processed = WebhookEvent.objects.filter(processed_at__isnull=False)
    return {
        "expired sessions": Session.objects.filter(expire_date__lt=now),
        # The IP address and browser of each sign-in, which the account page lists.
        "records of ended sessions": UserSession.objects.exclude(session_key__in=running),
        "task results": DBTaskResult.objects.filter(Q(finished_at__lt=old_task) | aborted),
        "old alerts": Alert.objects.filter(
            Q(solved_at__lt=old_alert) | Q(name__in=NEWS, found_at__lt=old_alert)
        ),
        "processed webhook events": processed.filter(received_at__lt=now - timedelta(days=EVENT_DAYS)),
    }


def delete_rows(rows: QuerySet) -> int:
    """Delete in small transactions, so that requests do not wait for a lock. Return the number of rows."""
    count = 0
    while keys := list(rows.order_by().values_list("pk", flat=True)[:BATCH_SIZE]):
        rows.model._default_manager.filter(pk__in=keys).delete()
        count += len(keys)
    return count


def find_unused_pictures() -> Iterator[str]:
    products = Product.objects.only("images", "copies").iterator()
    uploads = ProductConfiguration.objects.values_list("pictures", flat=True).iterator()
    pictures = chain(
        (picture for product in products for picture in product.stripe_pictures),
        (Picture(**picture) for pictures in uploads for picture in pictures),
    )
    names = (name for picture in pictures for name in picture.files or [picture.address])
    used = {PurePosixPath(name).name for name in names}
    old = timezone.now() - timedelta(days=PICTURE_DAYS)
    try:
        _folders, stored = default_storage.listdir(PICTURE_FOLDER)
    except FileNotFoundError:
        return
    for name in sorted(set(stored) - used):
        path = f"{PICTURE_FOLDER}/{name}"
        if default_storage.get_modified_time(path) < old:
            yield path
