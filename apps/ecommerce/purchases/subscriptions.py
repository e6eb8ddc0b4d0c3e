"""Free trials, cancellation and Stripe's billing portal. https://docs.stripe.com/customer-management"""

from collections.abc import Sequence

from django.db.models import Q
from stripe.params.billing_portal import SessionCreateParams

from apps.ecommerce.models import Price, Purchase, StripeCustomer
from apps.ecommerce.purchases.entitlements import has_access
from apps.ecommerce.purchases.fulfilment import sync_purchase
from apps.ecommerce.stripe_api.client import StripeData, fetch, get_client, is_livemode, object_id
from apps.users.guests import Buyer
from apps.users.models import User


def trial_days(user: Buyer | None, price: Price) -> int:
    """Return the days of free trial for this buyer. Each person gets one per product, also with a new account."""
    if not price.trial_period_days or not isinstance(user, User):
        return price.trial_period_days
    # A guest can enter the address of another person.
    by_buyer = Q(user=user) | Q(user=None, guest_token="", email__iexact=user.email)
    same_product = Q(product=price.product_id) | Q(former_products=price.product_id)
    subscribed = Purchase.objects.filter(
        by_buyer, same_product, subscription_id__gt="", livemode=is_livemode()
    )
    return 0 if subscribed.exists() else price.trial_period_days


def billed_currency(purchases: Sequence[Purchase]) -> str:
    """Return the currency of a user's running subscriptions, in which Stripe bills all others; "" without one.

    https://docs.stripe.com/invoicing/multi-currency-customers
    """
    return next((row.currency for row in purchases if row.has_running_subscription), "")


def ends_at_once(purchase: Purchase) -> bool:
    """Return whether canceling ends the subscription now: only a paid period continues until its end."""
    return not (has_access(purchase) and purchase.subscription_status in ("active", "trialing"))


def cancel_subscription(purchase: Purchase) -> Purchase:
    subscriptions = get_client().v1.subscriptions
    if ends_at_once(purchase):
        subscriptions.cancel(purchase.subscription_id)
    else:
        release_schedule(fetch("subscriptions", purchase.subscription_id))
        subscriptions.update(purchase.subscription_id, {"cancel_at_period_end": True})
    return sync_purchase(purchase, "canceled by the buyer")


def release_schedule(subscription: StripeData) -> None:
    """Detach the schedule of a subscription, if there is one: until then, Stripe refuses to change when it ends.

    https://docs.stripe.com/billing/subscriptions/subscription-schedules
    """
    if schedule := subscription["schedule"]:
        get_client().v1.subscription_schedules.release(object_id(schedule))


def portal_url(purchase: Purchase, *, origin: str) -> str:
    """Return the short-lived URL of a billing portal page that leads back to the purchase.

    Raise stripe.StripeError, or StripeCustomer.DoesNotExist if the buyer has no Customer in this mode.
    """
    if purchase.subscription_id:  # the subscription may have another Customer than the user
        customer_id = object_id(fetch("subscriptions", purchase.subscription_id)["customer"])
    else:
        customer_id = StripeCustomer.objects.get(user=purchase.user, livemode=purchase.livemode).id
    return_url = f"{origin}{purchase.get_absolute_url()}?from=portal"
    params: SessionCreateParams = {"customer": customer_id, "return_url": return_url}
    return get_client().v1.billing_portal.sessions.create(params).url
