"""Asking Stripe because somebody looks at a page: not too often, and never with an error for who looks."""

from __future__ import annotations

import logging
from datetime import timedelta

import stripe
from django.utils import timezone

from apps.prepared import Update

from .fulfilment import sync_purchase
from .models import Purchase
from .stripe_transport import somebody_waits

logger = logging.getLogger(__name__)

_claim = Update(Purchase, "synced_at", older="synced_at")
SELDOM = 2  # seconds between two questions about the same purchase, however many tabs are waiting


def sync_kindly(row: Purchase, cause: str) -> Purchase:
    """Syncs; when Stripe can't be asked, the page shows what is known and asks again by itself."""
    try:
        with somebody_waits():
            return sync_purchase(row, cause)
    except stripe.StripeError:
        logger.warning("Stripe could not be asked about %s (%s)", row.public_id, cause, exc_info=True)
        return row


def ask_stripe(row: Purchase, cause: str, every: int = SELDOM) -> Purchase:
    """Syncs, unless somebody just did (seconds). One conditional update decides, so that ten tabs ask once."""
    now = timezone.now()
    before = now - timedelta(seconds=every)
    if row.synced_at and row.synced_at >= before:
        return row
    if not _claim(row.pk, now, before):
        return row
    row.synced_at = now
    return sync_kindly(row, cause)
