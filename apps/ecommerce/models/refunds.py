from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from .fields import STRIPE_ID_LENGTH
from .payments import Payment


class RefundQuerySet(models.QuerySet["Refund"]):
    def counted(self) -> RefundQuerySet:
        """Exclude refunds that failed or were canceled: the shop has the money again."""
        return self.exclude(status__in=Refund.UNSUCCESSFUL)


class Refund(models.Model):
    """A refund of a payment. Only sync_purchase writes it. https://docs.stripe.com/api/refunds/object"""

    UNSUCCESSFUL = ("failed", "canceled")

    payment = models.ForeignKey(Payment, on_delete=models.CASCADE, related_name="refunds")
    livemode = models.BooleanField()
    stripe_id = models.CharField(max_length=STRIPE_ID_LENGTH, unique=True)
    amount = models.BigIntegerField(help_text=_("In the smallest unit, such as cents."))
    currency = models.CharField(max_length=3)
    status = models.CharField(
        max_length=40,
        help_text=_("At Stripe. Refunds that are “failed” or “canceled” don't count."),
    )
    reason = models.CharField(max_length=100, blank=True)
    created_at = models.DateTimeField()

    objects = RefundQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(
                fields=["livemode", "created_at", "currency", "status", "amount"], name="refund_figures"
            )
        ]

    def __str__(self) -> str:
        return self.stripe_id

    @property
    def counts(self) -> bool:
        return self.status not in self.UNSUCCESSFUL
