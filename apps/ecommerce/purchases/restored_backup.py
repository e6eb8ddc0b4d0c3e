"""After restoring a backup, do not repeat e-mails that were sent after the backup was made.

`make restore` stores when the restored site stopped sending e-mails. What happened before is stored without an e-mail.
"""

from datetime import datetime

from django.db.models import Q
from django.utils import timezone

from apps.ecommerce.models import Mail, Purchase, ScheduledRun


def record_restore(emailed_until: datetime) -> None:
    """Do the same as scripts/backup.py, for a database that was restored by other means."""
    now = timezone.now()
    times = {"started_at": emailed_until, "finished_at": now}
    ScheduledRun.objects.update_or_create(command=ScheduledRun.RESTORE, defaults=times)
    # They were sent seconds after the backup was made. Those that had failed are sent again, with the same Message-ID.
    waiting = Mail.objects.filter(sent_at=None, given_up_at=None, error="", created_at__lt=emailed_until)
    waiting.update(sent_at=now, error="Was in the queue when the backup was made.")


def was_emailed(happened_at: datetime) -> bool:
    """Return whether the buyer knows this from an e-mail that was sent before the restore."""
    restore = _last_restore()
    return restore is not None and happened_at <= restore.started_at


def was_status_emailed(purchase: Purchase) -> bool:
    """Return whether a change of status that is found now was e-mailed before the restore.

    Stripe does not say when a status changed. Until reconcile_purchases has found all changes, only those of purchases
    with a payment since then are new.
    """
    restore = _last_restore()
    if restore is None or _is_caught_up(restore):
        return False
    # Stripe's times are whole seconds: what happened in the last second before the restore was e-mailed.
    new = Q(created_at__gt=restore.started_at) | Q(paid_at__gt=restore.started_at)
    return not purchase.payments.filter(new).exists()


def is_catching_up() -> bool:
    """Return whether no run of reconcile_purchases has completed since the restore."""
    restore = _last_restore()
    return restore is not None and not _is_caught_up(restore)


def _last_restore() -> ScheduledRun | None:
    return ScheduledRun.objects.filter(command=ScheduledRun.RESTORE).first()


def _is_caught_up(restore: ScheduledRun) -> bool:
    runs = ScheduledRun.objects.filter(command=ScheduledRun.RECONCILE)
    return runs.filter(started_at__gte=restore.finished_at).exists()
