"""Refresh a purchase while its page is open."""

import logging
from datetime import timedelta

import stripe
from django.db.models import Q
from django.utils import timezone

from apps.core.rate_limits import consume
from apps.core.read_only import is_read_only
from apps.ecommerce.models import Purchase
from apps.ecommerce.purchases.fulfilment import sync_purchase
from apps.ecommerce.stripe_api.transport import stripe_deadline

logger = logging.getLogger(__name__)

MIN_INTERVAL_SECONDS = 2  # between two requests to Stripe about a purchase, in all tabs together


def refresh_or_stale(purchase: Purchase, cause: str) -> Purchase:
    """Refresh the purchase, unless Stripe does not answer, or the pages of the order were opened too often."""
    if is_read_only() or consume("refresh", key=str(purchase.pk)):
        return purchase
    try:
        with stripe_deadline():
            return sync_purchase(purchase, cause)
    except stripe.StripeError:
        logger.warning("Purchase %s could not be synced (%s)", purchase.public_id, cause, exc_info=True)
        return purchase


def refresh_if_stale(purchase: Purchase, cause: str, seconds: int = MIN_INTERVAL_SECONDS) -> Purchase:
    """Refresh a purchase that was not synced for `seconds`. Of several requests at once, only one refreshes it."""
    if is_read_only():
        return purchase
    now = timezone.now()
    before = now - timedelta(seconds=seconds)
    if purchase.synced_at and purchase.synced_at >= before:
        return purchase
    stale = Purchase.objects.filter(Q(synced_at=None) | Q(synced_at__lt=before), pk=purchase.pk)
    if not stale.update(synced_at=now):
        return purchase
    purchase.synced_at = now
    return refresh_or_stale(purchase, cause)
