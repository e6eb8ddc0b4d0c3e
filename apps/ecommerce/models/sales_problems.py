from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class SalesProblem(models.Model):
    """A refusal of Stripe that stops all sales until the founder acts. https://docs.stripe.com/error-codes"""

    code = models.CharField(primary_key=True, max_length=100, help_text=_("Stripe's error code."))
    message = models.TextField(help_text=_("Stripe's error message."))
    request_id = models.CharField(
        max_length=100,
        blank=True,
        help_text=_("Id of the last refused request, in the logs of Stripe's Dashboard."),
    )
    count = models.PositiveIntegerField(default=0, help_text=_("How many checkouts were refused."))
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    solved_at = models.DateTimeField(
        null=True, blank=True, help_text=_("When Stripe opened a checkout again.")
    )

    class Meta:
        ordering = ["-last_at"]
        verbose_name = _("sales problem")
        verbose_name_plural = _("sales problems")

    def __str__(self) -> str:
        return self.code
