from django.db import models
from django.utils.translation import gettext_lazy as _

from .purchase_status import ACCESS_STATUSES, COMPLIMENTARY, PurchaseStatus, Suspension
from .purchases import Purchase


class StatusChange(models.Model):
    purchase = models.ForeignKey(Purchase, on_delete=models.CASCADE, related_name="changes")
    from_status = models.CharField(max_length=20, choices=PurchaseStatus.choices, blank=True)
    to_status = models.CharField(max_length=20, choices=PurchaseStatus.choices)
    suspended_by = models.CharField(max_length=20, choices=Suspension.choices, blank=True)
    version = models.PositiveIntegerField()
    cause = models.CharField(
        max_length=300,
        help_text=_("What caused the change, for example an event, the return page or an operator."),
    )
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["at", "id"]
        constraints = [models.UniqueConstraint(fields=["purchase", "version"], name="one_change_per_version")]

    def __str__(self) -> str:
        return f"{self.get_from_status_display() or '—'} ▶ {self.label}"

    @property
    def label(self) -> str:
        # Faster than get_to_status_display(), which translates all choices.
        if self.suspended_by and self.to_status in ACCESS_STATUSES:
            return str(Suspension(self.suspended_by).label)
        is_given = self.to_status == PurchaseStatus.PAID and self.purchase.granted_at
        return str(COMPLIMENTARY if is_given else PurchaseStatus(self.to_status).label)
