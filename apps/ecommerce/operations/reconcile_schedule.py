"""Store when reconcile_purchases ran, and compute how far the next run has to look back."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Min
from django.utils import timezone

from apps.ecommerce.models import Purchase, ScheduledRun
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.stripe_api.client import is_livemode

FIRST_RUN = timedelta(days=30)  # Stripe keeps events for 30 days
OVERLAP = timedelta(days=2)  # longer than a Session is open
OVERDUE_AFTER = timedelta(hours=1)  # reconcile_purchases is due every ten minutes


def default_since() -> datetime:
    """Return the start of the last complete run, minus an overlap; earlier if there is an older open purchase."""
    unfinished = Purchase.objects.filter(status__in=[Status.OPEN, Status.PROCESSING], livemode=is_livemode())
    oldest = unfinished.aggregate(oldest=Min("created_at"))["oldest"]
    last = last_run()
    times = [last.started_at - OVERLAP if last else timezone.now() - FIRST_RUN]
    return min([*times, oldest - OVERLAP] if oldest else times)


def last_run() -> ScheduledRun | None:
    return ScheduledRun.objects.filter(command=ScheduledRun.RECONCILE).first()


def record_run(since: datetime, started_at: datetime) -> None:
    """Store a complete run, unless there is a gap between it and the one before."""
    last = last_run()
    if last is None or since <= last.started_at:
        times = {"started_at": started_at, "finished_at": timezone.now()}
        ScheduledRun.objects.update_or_create(command=ScheduledRun.RECONCILE, defaults=times)


def overdue_warning() -> str:
    """Return "" or that no run has completed for an hour. Development needs no runs."""
    limit = timezone.now() - OVERDUE_AFTER
    last = last_run()
    is_overdue = last.finished_at < limit if last else Purchase.objects.filter(created_at__lt=limit).exists()
    if settings.DEBUG or not is_overdue:
        return ""
    run = f"{last.finished_at:%Y-%m-%d %H:%M} UTC" if last else "never"
    return f"Last complete run of reconcile_purchases: {run}. It should run every ten minutes: see deploy/crontab."


def schedule_details() -> dict[str, object]:
    """Return the details for /readyz."""
    last = last_run()
    return {
        "reconcile": "overdue: see deploy/crontab" if overdue_warning() else "ok",
        "last_reconcile": last.finished_at.isoformat() if last else None,
    }
