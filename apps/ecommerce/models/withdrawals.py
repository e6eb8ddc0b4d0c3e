from __future__ import annotations

from uuid import uuid4

from django.db import models
from django.utils.translation import gettext_lazy as _

from .purchases import Purchase


class Withdrawal(models.Model):
    """A consumer's withdrawal from a contract, as it was entered. It refunds nothing."""

    class Confirmation(models.TextChoices):
        WAITING = "waiting", _("not sent yet")
        SENT = "sent", _("sent")
        FAILED = "failed", _("not sent")
        LIMITED = "limited", _("not sent: too many to this address")

    token = models.UUIDField(
        default=uuid4,
        unique=True,
        editable=False,
        help_text=_("Identifies the form and its content, so that a form that is sent twice counts once."),
    )
    name = models.CharField(_("name"), max_length=100)
    contract = models.CharField(
        _("contract"), max_length=200, help_text=_("The order number, or what the person wrote instead.")
    )
    email = models.EmailField(
        _("e-mail"), help_text=_("The address of the confirmation, which is not verified.")
    )
    language = models.CharField(max_length=20)
    purchase = models.ForeignKey(
        Purchase,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="withdrawals",
        help_text=_("The order with the number that was entered."),
    )
    received_at = models.DateTimeField(_("received"))
    confirmation = models.CharField(
        _("confirmation"), max_length=10, choices=Confirmation.choices, default=Confirmation.WAITING
    )
    confirmed_at = models.DateTimeField(null=True, blank=True, help_text=_("When the confirmation was sent."))
    error = models.TextField(blank=True, help_text=_("Why the confirmation could not be sent."))
    done_at = models.DateTimeField(
        _("done"), null=True, blank=True, help_text=_("When an operator marked it as done.")
    )

    class Meta:
        ordering = ["-received_at", "-id"]
        verbose_name = _("withdrawal")
        verbose_name_plural = _("withdrawals")
        permissions = [("handle_withdrawal", "Can mark withdrawals as done")]
        indexes = [
            models.Index(fields=["received_at"], condition=models.Q(done_at=None), name="withdrawal_open"),
        ]

    def __str__(self) -> str:
        return f"{self.name} · {self.contract}"

    @property
    def is_by_other_address(self) -> bool:
        """Return whether the order that was named belongs to another e-mail address."""
        purchase = self.purchase
        known = {purchase.email.lower(), purchase.current_email.lower()} if purchase else set()
        return bool(purchase) and self.email.lower() not in known
