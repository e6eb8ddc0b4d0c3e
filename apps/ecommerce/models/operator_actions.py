from __future__ import annotations

from typing import Any, NoReturn
from uuid import uuid4

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from .purchases import Purchase


class OperatorActionQuerySet(models.QuerySet["OperatorAction"]):
    def update(self, **kwargs: Any) -> NoReturn:
        raise TypeError("Entries of the audit log are not changed.")

    def delete(self) -> NoReturn:
        raise TypeError("Entries of the audit log are not deleted.")

    def set_outcome(self, outcome: OperatorAction.Outcome, **fields: Any) -> int:
        return super().update(outcome=outcome, **fields)


class OperatorAction(models.Model):
    """An entry of the audit log: what an operator did, and what came of it."""

    class Outcome(models.TextChoices):
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        INTERRUPTED = "interrupted", _("interrupted")

    token = models.UUIDField(
        default=uuid4,
        unique=True,
        editable=False,
        help_text=_("Identifies the confirmed form, so that a form that is sent twice acts once."),
    )
    operator = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    operator_name = models.CharField(
        max_length=254, help_text=_("The operator's e-mail address at that time.")
    )
    action = models.CharField(max_length=60)
    purchase = models.ForeignKey(
        Purchase, null=True, blank=True, on_delete=models.SET_NULL, related_name="operator_actions"
    )
    subject = models.CharField(
        max_length=200, help_text=_("Order number, code or name of the object of the action.")
    )
    details = models.JSONField(
        default=dict, blank=True, encoder=DjangoJSONEncoder, help_text=_("What the operator entered.")
    )
    outcome = models.CharField(max_length=20, choices=Outcome.choices, default=Outcome.RUNNING)
    message = models.TextField(blank=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = OperatorActionQuerySet.as_manager()

    class Meta:
        ordering = ["-started_at", "-id"]
        verbose_name = _("entry of the audit log")
        verbose_name_plural = _("entries of the audit log")
        constraints = [
            models.UniqueConstraint(
                fields=["purchase"], condition=Q(outcome="running"), name="one_running_action_per_purchase"
            )
        ]

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M} · {self.operator_name} · {self.action} · {self.subject}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk is not None:
            raise TypeError("Entries of the audit log are not changed.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("Entries of the audit log are not deleted.")
