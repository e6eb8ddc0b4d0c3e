"""Canceling a subscription from the shop, so that it never depends on how Stripe's portal is set up.

https://docs.stripe.com/billing/subscriptions/cancel
"""

from __future__ import annotations

from apps.ecommerce.models import Purchase
from apps.ecommerce.purchases.entitlements import grants
from apps.ecommerce.purchases.fulfilment import sync_purchase
from apps.ecommerce.stripe_api.client import get_client


def ends_at_once(purchase: Purchase) -> bool:
    """Whether canceling ends it now. A paid period is kept; what is overdue would be collected on."""
    return not (grants(purchase) and purchase.subscription_status in ("active", "trialing"))


def cancel_subscription(purchase: Purchase) -> Purchase:
    """Cancel the purchase's running subscription and return the purchase as it is then.

    Raises stripe.StripeError when Stripe can't be asked; nothing is canceled then.
    """
    subscriptions = get_client().v1.subscriptions
    if ends_at_once(purchase):
        subscriptions.cancel(purchase.subscription_id)
    else:
        subscriptions.update(purchase.subscription_id, {"cancel_at_period_end": True})
    return sync_purchase(purchase, "canceled by the buyer")
