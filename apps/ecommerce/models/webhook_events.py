from django.db import models
from django.utils.translation import gettext_lazy as _

from .fields import STRIPE_ID_LENGTH


class WebhookEvent(models.Model):
    """An event from Stripe, stored once for all its deliveries. https://docs.stripe.com/api/events/object"""

    id = models.CharField(primary_key=True, max_length=STRIPE_ID_LENGTH)
    type = models.CharField(max_length=100, db_index=True)
    payload = models.JSONField()
    attempts = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)
    stripe_created = models.DateTimeField()
    received_at = models.DateTimeField(auto_now_add=True, db_index=True)
    processed_at = models.DateTimeField(null=True, blank=True, db_index=True)

    class Meta:
        ordering = ["-received_at"]
        verbose_name = _("event")
        verbose_name_plural = _("events")

    def __str__(self) -> str:
        return f"{self.type} ({self.id})"
