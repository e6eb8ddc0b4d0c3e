"""Stripe's billing portal, where a subscriber changes the card, cancels, and finds invoices.

https://docs.stripe.com/customer-management and https://docs.stripe.com/api/customer_portal/sessions/create
"""

from __future__ import annotations

from django.urls import reverse

from .models import Purchase, StripeCustomer
from .stripe_client import get_client


def portal_url(purchase: Purchase, *, origin: str) -> str:
    """The address of a short-lived portal page that leads back to this purchase.

    Raises stripe.StripeError when Stripe can't be asked, StripeCustomer.DoesNotExist when the buyer has no
    Customer in this mode.
    """
    customer = StripeCustomer.objects.get(user=purchase.user, livemode=purchase.livemode)
    back = f"{origin}{reverse('purchase', args=[purchase.public_id])}?from=portal"
    return get_client().v1.billing_portal.sessions.create({"customer": customer.id, "return_url": back}).url
