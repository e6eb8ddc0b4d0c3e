from django.db import models
from django.utils.translation import gettext_lazy as _

from .fields import STRIPE_ID_LENGTH
from .payments import Payment
from .purchases import Purchase


class Mail(models.Model):
    """An e-mail to a buyer, created in the transaction of the change that it is about, and sent once.

    `about` distinguishes e-mails of the same kind: "v3" is about version 3 of the purchase, "re_1" about a refund,
    "file version 7" about FileVersion 7.
    """

    class Kind(models.TextChoices):
        CONFIRMED = "confirmed", _("purchase confirmed")
        RECEIPT = "receipt", _("receipt")
        WAITING = "waiting", _("payment processing")
        FAILED = "failed", _("payment failed")
        TRIAL_ENDING = "trial_ending", _("trial ending")
        RENEWAL_UPCOMING = "renewal_upcoming", _("renewal upcoming")
        RENEWAL_FAILED = "renewal_failed", _("renewal failed")
        PLAN_CHANGED = "plan_changed", _("plan changed")
        ENDING = "ending", _("subscription ending")
        ENDED = "ended", _("subscription ended")
        REFUNDED = "refunded", _("refunded")
        DISPUTED = "disputed", _("payment disputed")
        SUSPENDED = "suspended", _("access paused")
        RESTORED = "restored", _("access restored")
        LICENCE_KEY = "licence_key", _("license key")
        GRANTED = "granted", _("access given")
        INVITED = "invited", _("access waits for an account")
        REVOKED = "revoked", _("access ended by the shop")
        LINK = "link", _("link to the order")
        UPDATED = "updated", _("new version of a file")

    purchase = models.ForeignKey(Purchase, on_delete=models.CASCADE, related_name="mails")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    about = models.CharField(max_length=STRIPE_ID_LENGTH)
    payment = models.ForeignKey(
        Payment, null=True, blank=True, on_delete=models.SET_NULL, related_name="mails"
    )
    amount = models.BigIntegerField(default=0, help_text=_("The amount of the refund that it is about."))
    attempts = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    sending_at = models.DateTimeField(
        null=True, blank=True, help_text=_("When a worker started sending this e-mail.")
    )
    sent_at = models.DateTimeField(null=True, blank=True)
    repeat_of = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="repeats",
        help_text=_("The e-mail that an operator sent again."),
    )
    given_up_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text=_("When the store stopped trying: the mail server refuses the address."),
    )

    class Meta:
        verbose_name = _("e-mail")
        verbose_name_plural = _("e-mails")
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["purchase", "kind", "about"],
                condition=models.Q(repeat_of=None),
                name="one_mail_per_news",
            )
        ]
        indexes = [
            models.Index(fields=["created_at"], condition=models.Q(sent_at=None), name="mail_unsent"),
            models.Index(fields=["about"], name="mail_about"),
            models.Index(
                fields=["given_up_at"],
                condition=models.Q(given_up_at__isnull=False),
                name="mail_given_up",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ▶ {self.purchase.current_email}"
