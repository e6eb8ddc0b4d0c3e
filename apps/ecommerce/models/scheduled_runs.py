from __future__ import annotations

from django.db import models


class ScheduledRun(models.Model):
    """The last complete run of a scheduled command. Times are UTC."""

    command = models.CharField(primary_key=True, max_length=60)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.command
