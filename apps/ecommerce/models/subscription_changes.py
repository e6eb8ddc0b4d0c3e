from django.db import models
from django.utils.translation import gettext_lazy as _

from .purchases import Purchase


class SubscriptionChange(models.Model):
    """A change of what a subscription pays in a month, or of whether it runs. Rows are added, never changed.

    The sum of all rows until a time is the monthly recurring revenue (MRR) at that time.
    """

    purchase = models.ForeignKey(Purchase, on_delete=models.CASCADE, related_name="subscription_changes")
    livemode = models.BooleanField()
    at = models.DateTimeField()
    currency = models.CharField(max_length=3)
    monthly_amount_change = models.BigIntegerField(help_text=_("In the smallest unit, such as cents."))
    count_change = models.SmallIntegerField(
        default=0, help_text=_("1: the subscription began to run. −1: it ended. 0: its amount has changed.")
    )

    class Meta:
        ordering = ["at", "id"]
        indexes = [
            models.Index(
                fields=["livemode", "at", "currency", "count_change", "monthly_amount_change"],
                name="subscription_figures",
            )
        ]

    def __str__(self) -> str:
        return f"{self.monthly_amount_change:+} {self.currency} ({self.count_change:+})"
