from django.db import models
from django.utils.translation import gettext_lazy as _

from .purchases import Purchase


class Mail(models.Model):
    """An e-mail to a buyer, created in the transaction of the change that it is about, and sent once.

    `about` distinguishes e-mails of the same kind: "v3" is about version 3 of the purchase.
    """

    class Kind(models.TextChoices):
        CONFIRMED = "confirmed", _("purchase confirmed")
        WAITING = "waiting", _("payment processing")
        FAILED = "failed", _("payment failed")
        TRIAL_ENDING = "trial_ending", _("trial ending")
        RENEWAL_FAILED = "renewal_failed", _("renewal failed")
        ENDED = "ended", _("subscription ended")
        REFUNDED = "refunded", _("refunded")
        SUSPENDED = "suspended", _("access paused")

    purchase = models.ForeignKey(Purchase, on_delete=models.CASCADE, related_name="mails")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    about = models.CharField(max_length=60)
    attempts = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    sending_at = models.DateTimeField(
        null=True, blank=True, help_text=_("When a worker started sending this e-mail.")
    )
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("e-mail")
        verbose_name_plural = _("e-mails")
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["purchase", "kind", "about"], name="one_mail_per_news")
        ]
        indexes = [models.Index(fields=["created_at"], condition=models.Q(sent_at=None), name="mail_unsent")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ▶ {self.purchase.email}"


class Alert(models.Model):
    """The last e-mail to ADMINS about a problem. The same alert is sent at most once a day."""

    key = models.CharField(primary_key=True, max_length=60)
    message = models.TextField()
    mailed_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.key
