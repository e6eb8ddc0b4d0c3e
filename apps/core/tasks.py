"""Work after a change: queued in the transaction of the change, done by a worker (`manage.py db_worker`).

Setting TASKS_BACKEND chooses the queue; by default there is none, and the work is done right after the commit.
"""

from __future__ import annotations

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

__all__ = ["enqueue", "task", "worker_is_silent"]


def enqueue(job: Any, *arguments: Any) -> None:
    """Queues a task of the change that is going on; call it in the change's transaction.

    The database's queue takes part in the transaction: both are kept or neither is. Another queue can't, so it hears
    of the task after the commit; what a crash in between loses, reconcile_purchases finds.
    """
    if isinstance(job.get_backend(), DatabaseBackend):
        job.enqueue(*arguments)
    else:
        transaction.on_commit(lambda: job.enqueue(*arguments))


def worker_is_silent() -> bool:
    """Tasks that nobody takes mean that nobody is there. Without a queue there are none."""
    now = timezone.now()
    since = now - timedelta(seconds=settings.WORKER_SILENCE_SECONDS)
    waiting = DBTaskResult.objects.ready().filter(enqueued_at__lt=since)
    return waiting.exclude(run_after__range=(since, now)).exists()  # those became due just now
