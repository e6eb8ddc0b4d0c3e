from __future__ import annotations

from django.db import models


class Alert(models.Model):
    """A message to the founder about an event or a problem, sent once while it lasts. Names: operations/alert_names.py.

    A channel has sent it if its `mailed_at` or `posted_at` is not before `found_at`.
    """

    name = models.SlugField(max_length=60)
    about = models.CharField(
        max_length=500,
        blank=True,
        help_text="The order, product or other object, if several can have the problem.",
    )
    message = models.TextField()
    summary = models.TextField(
        blank=True, help_text="A shorter text for the webhook, if the message is too long."
    )
    found_at = models.DateTimeField(help_text="When the problem began, or came back.")
    solved_at = models.DateTimeField(null=True)
    mailing_at = models.DateTimeField(
        null=True, help_text="When a process started to send the alert by e-mail."
    )
    mailed_at = models.DateTimeField(null=True)
    posting_at = models.DateTimeField(
        null=True, help_text="When a process started to send the alert to the webhook."
    )
    posted_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["found_at", "pk"]
        indexes = [
            models.Index(fields=["mailed_at", "found_at"], name="alert_by_mail"),
            models.Index(fields=["posted_at", "found_at"], name="alert_by_webhook"),
        ]
        constraints = [models.UniqueConstraint(fields=["name", "about"], name="one_alert_for_each_problem")]

    def __str__(self) -> str:
        return f"{self.name} {self.about}".rstrip()
