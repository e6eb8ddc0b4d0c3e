"""Free trials, and canceling without the billing portal. https://docs.stripe.com/billing/subscriptions/cancel"""

from apps.ecommerce.models import Price, Purchase
from apps.ecommerce.purchases.entitlements import has_access
from apps.ecommerce.purchases.fulfilment import sync_purchase
from apps.ecommerce.stripe_api.client import get_client
from apps.users.models import User


def trial_days(user: User | None, price: Price) -> int:
    """Return the days of free trial for this buyer. Each person gets one trial per product."""
    if not price.trial_period_days or user is None:
        return price.trial_period_days
    subscribed = Purchase.objects.for_user(user).filter(product_id=price.product_id, subscription_id__gt="")
    return 0 if subscribed.exists() else price.trial_period_days


def ends_at_once(purchase: Purchase) -> bool:
    """Return whether canceling ends the subscription now. A paid period is kept, an unpaid one is not collected."""
    return not (has_access(purchase) and purchase.subscription_status in ("active", "trialing"))


def cancel_subscription(purchase: Purchase) -> Purchase:
    subscriptions = get_client().v1.subscriptions
    if ends_at_once(purchase):
        subscriptions.cancel(purchase.subscription_id)
    else:
        subscriptions.update(purchase.subscription_id, {"cancel_at_period_end": True})
    return sync_purchase(purchase, "canceled by the buyer")
