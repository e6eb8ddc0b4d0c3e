"""Background tasks. The setting TASKS_BACKEND is the queue; without one a task runs right after the commit."""

from datetime import timedelta
from typing import Any

import django
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django_tasks_db import DatabaseBackend
from django_tasks_db.models import DBTaskResult

if django.VERSION >= (6, 0):
    from django.tasks import task
else:
    from django_tasks import task  # type: ignore[no-redef,unused-ignore]

__all__ = ["enqueue", "is_worker_silent", "task"]


def enqueue(job: Any, *arguments: Any) -> None:
    """Enqueue a task in the current transaction, or after its commit if the queue is not in the database."""
    if isinstance(job.get_backend(), DatabaseBackend):
        job.enqueue(*arguments)
    else:
        transaction.on_commit(lambda: job.enqueue(*arguments))


def is_worker_silent() -> bool:
    """Return whether a task is overdue by more than WORKER_SILENCE_SECONDS, so that no worker seems to run."""
    now = timezone.now()
    limit = now - timedelta(seconds=settings.WORKER_SILENCE_SECONDS)
    waiting = DBTaskResult.objects.ready().filter(enqueued_at__lt=limit)
    # A retry is enqueued long before it is due.
    return waiting.exclude(run_after__range=(limit, now)).exists()
