from __future__ import annotations

from django.db import models


class ScheduledRun(models.Model):
    """The last complete run of a scheduled command. Times are UTC.

    RESTORE is the last restore of a backup; `started_at` is when the site had stopped sending e-mails.
    """

    RECONCILE, RESTORE = "reconcile_purchases", "restore"

    command = models.CharField(primary_key=True, max_length=60)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.command
