from django.db import models
from django.utils.translation import gettext_lazy as _

COMPLIMENTARY = _("complimentary")  # shown instead of "paid" if an operator gave access
MISSING_SUBSCRIPTION = "missing"  # not a Stripe status: the purchase belongs to another Stripe account
# The final statuses. https://docs.stripe.com/api/subscriptions/object#subscription_object-status
ENDED_SUBSCRIPTIONS = ("canceled", "incomplete_expired", MISSING_SUBSCRIPTION)


class PurchaseStatus(models.TextChoices):
    """One-time purchases use the first block, subscriptions the second with Stripe's words, both the third."""

    PAID = "paid", _("paid")
    FAILED = "failed", _("payment failed")

    TRIALING = "trialing", _("free trial")
    ACTIVE = "active", _("active")
    PAST_DUE = "past_due", _("payment overdue")
    UNPAID = "unpaid", _("unpaid")
    PAUSED = "paused", _("paused")
    INCOMPLETE = "incomplete", _("incomplete")
    CANCELED = "canceled", _("ended")

    OPEN = "open", _("not paid yet")
    PROCESSING = "processing", _("payment processing")
    EXPIRED = "expired", _("expired")


class Suspension(models.TextChoices):
    """Why the payment for the current period does not open the product. See entitlements.py."""

    REFUNDED = "refunded", _("refunded")
    DISPUTED = "disputed", _("payment disputed")
    DISPUTE_LOST = "dispute_lost", _("payment reversed")
    REVOKED = "revoked", _("access ended by the shop")  # see Purchase.suspension


# The statuses with access, unless it is suspended or the paid period is over. See entitlements.has_access.
ACCESS_STATUSES = frozenset(
    {PurchaseStatus.PAID, PurchaseStatus.TRIALING, PurchaseStatus.ACTIVE, PurchaseStatus.PAST_DUE}
)
