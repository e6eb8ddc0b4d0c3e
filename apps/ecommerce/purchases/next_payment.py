"""The next payment of a subscription, as Stripe computes it: with coupon, quantity, tax, balance and scheduled changes.

https://docs.stripe.com/api/invoices/create_preview
"""

import logging
from typing import Any

import stripe

from apps.ecommerce.purchases.payments.stripe_payments import to_datetime
from apps.ecommerce.purchases.recurring_revenue import renewal_per_month
from apps.ecommerce.stripe_api.client import StripeData, get_client

logger = logging.getLogger(__name__)

# The statuses in which Stripe creates the next invoice.
RENEWING = ("trialing", "active", "past_due")


def next_payment_values(subscription: StripeData) -> dict[str, Any]:
    """Return the columns of the next invoice, which are empty if there will be none.

    `monthly_amount` is what it charges for a month; recurring_revenue.py decides whether that counts.
    """
    preview = _fetch_preview(subscription)
    paused = subscription["pause_collection"] or {}
    return {
        "monthly_amount": renewal_per_month(subscription, preview.to_dict()) if preview else None,
        "next_amount": preview.amount_due if preview else None,
        "next_payment_at": to_datetime(preview.period_end) if preview else None,
        "collection_paused": bool(paused),
        "collection_resumes_at": to_datetime(paused.get("resumes_at")),
    }


def _fetch_preview(subscription: StripeData) -> stripe.Invoice | None:
    if subscription["status"] not in RENEWING:
        return None
    try:
        return get_client().v1.invoices.create_preview({"subscription": subscription["id"]})
    except (stripe.InvalidRequestError, stripe.PermissionError) as error:
        if error.code != "invoice_upcoming_none":  # the subscription ends with its period
            logger.warning("The next invoice of %s is unknown: %s", subscription["id"], error)
        return None
