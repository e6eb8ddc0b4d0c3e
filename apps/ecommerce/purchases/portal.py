"""Stripe's billing portal, where a subscriber changes the card, cancels, and finds invoices.

https://docs.stripe.com/customer-management and https://docs.stripe.com/api/customer_portal/sessions/create
"""

from __future__ import annotations

from django.urls import reverse
from stripe.params.billing_portal import SessionCreateParams

from apps.ecommerce.models import Purchase, StripeCustomer
from apps.ecommerce.stripe_api.client import get_client, read
from apps.ecommerce.stripe_api.expandable import object_id


def portal_url(purchase: Purchase, *, origin: str) -> str:
    """The address of a short-lived portal page that leads back to this purchase.

    Raises stripe.StripeError when Stripe can't be asked, StripeCustomer.DoesNotExist when the buyer has no
    Customer in this mode.
    """
    back = f"{origin}{reverse('purchase', args=[purchase.public_id])}?from=portal"
    params: SessionCreateParams = {"customer": _customer(purchase), "return_url": back}
    return get_client().v1.billing_portal.sessions.create(params).url


def _customer(purchase: Purchase) -> str:
    """The id of the Customer that is charged: a subscription's own, which may be another than the buyer's today."""
    if purchase.subscription_id:
        return object_id(read("subscriptions", purchase.subscription_id)["customer"])
    return StripeCustomer.objects.get(user=purchase.user, livemode=purchase.livemode).id
