from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from .fields import STRIPE_ID_LENGTH
from .purchase_status import ENDED_SUBSCRIPTIONS


class SubscriptionState(models.Model):
    """The columns of a purchase that describe its subscription at Stripe. They are empty for one-time purchases."""

    subscription_id = models.CharField(max_length=STRIPE_ID_LENGTH, blank=True, db_index=True)
    subscription_status = models.CharField(
        max_length=30,
        blank=True,
        help_text=_("Status at Stripe. Refunds and disputes don't change it."),
    )
    trial_end = models.DateTimeField(null=True, blank=True)
    current_period_start = models.DateTimeField(null=True, blank=True)
    current_period_end = models.DateTimeField(null=True, blank=True)
    cancel_at = models.DateTimeField(null=True, blank=True)
    paid_until = models.DateTimeField(
        null=True, blank=True, help_text=_("End of the newest paid period of the subscription.")
    )
    past_due_since = models.DateTimeField(
        null=True, blank=True, help_text=_("When the first unpaid invoice after that period was created.")
    )
    has_paid = models.BooleanField(default=False, help_text=_("Whether money was paid at least once."))
    item_count = models.PositiveIntegerField(
        default=1, help_text=_("Number of items of the subscription, with add-ons.")
    )
    next_amount = models.BigIntegerField(
        null=True,
        blank=True,
        help_text=_("Amount of the next invoice, as Stripe computes it. Empty without one."),
    )
    next_payment_at = models.DateTimeField(null=True, blank=True)
    collection_paused = models.BooleanField(
        default=False,
        help_text=_("Whether the operator has paused the payments of the subscription at Stripe."),
    )
    collection_resumes_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True

    @property
    def has_running_subscription(self) -> bool:
        """Return whether the subscription can be managed at Stripe. An unknown status counts as running."""
        return bool(self.subscription_id) and self.subscription_status not in ENDED_SUBSCRIPTIONS

    @property
    def will_be_charged_again(self) -> bool:
        """Return whether Stripe will charge for the subscription again unless it is canceled."""
        ends_with_its_period = (
            self.subscription_status in ("active", "trialing")
            and self.cancel_at is not None
            and self.current_period_end is not None
            and self.cancel_at <= self.current_period_end
        )
        return self.has_running_subscription and not ends_with_its_period
