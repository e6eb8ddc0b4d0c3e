"""Stripe's billing portal: card, plan, invoices, cancellation. https://docs.stripe.com/customer-management"""

from stripe.params.billing_portal import SessionCreateParams

from apps.ecommerce.models import Purchase, StripeCustomer
from apps.ecommerce.stripe_api.client import fetch, get_client, object_id


def portal_url(purchase: Purchase, *, origin: str) -> str:
    """Return the short-lived URL of a billing portal page that leads back to the purchase.

    Raise stripe.StripeError, or StripeCustomer.DoesNotExist if the buyer has no Customer in this mode.
    """
    return_url = f"{origin}{purchase.get_absolute_url()}?from=portal"
    params: SessionCreateParams = {"customer": _customer_id(purchase), "return_url": return_url}
    return get_client().v1.billing_portal.sessions.create(params).url


def _customer_id(purchase: Purchase) -> str:
    """Return the Customer that pays. A subscription created outside the store may have another one than the user."""
    if purchase.subscription_id:
        return object_id(fetch("subscriptions", purchase.subscription_id)["customer"])
    return StripeCustomer.objects.get(user=purchase.user, livemode=purchase.livemode).id
