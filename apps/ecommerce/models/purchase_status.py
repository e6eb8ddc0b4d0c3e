from django.db import models
from django.utils.translation import gettext_lazy as _

MISSING_SUBSCRIPTION = "missing"  # not a Stripe status: the subscription belongs to another Stripe account
# The final statuses. https://docs.stripe.com/api/subscriptions/object#subscription_object-status
ENDED_SUBSCRIPTIONS = ("canceled", "incomplete_expired", MISSING_SUBSCRIPTION)


class PurchaseStatus(models.TextChoices):
    """One-time purchases use the first block, subscriptions the second, both the third."""

    PROCESSING = "processing", _("payment processing")
    PAID = "paid", _("paid")
    PARTIALLY_REFUNDED = "partially_refunded", _("partially refunded")
    REFUNDED = "refunded", _("refunded")
    DISPUTED = "disputed", _("payment disputed")
    DISPUTE_LOST = "dispute_lost", _("payment reversed")

    TRIALING = "trialing", _("free trial")
    ACTIVE = "active", _("active")
    PAST_DUE = "past_due", _("payment overdue")
    UNPAID = "unpaid", _("unpaid")
    PAUSED = "paused", _("paused")
    INCOMPLETE = "incomplete", _("incomplete")
    CANCELED = "canceled", _("ended")

    OPEN = "open", _("not paid yet")
    FAILED = "failed", _("payment failed")
    EXPIRED = "expired", _("expired")
