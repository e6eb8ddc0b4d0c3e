"""Subscriptions that were created outside the store: in Stripe's Dashboard or by another program.

Each gets a Purchase, so that its buyer can see and cancel it.
"""

import logging

import stripe

from apps.ecommerce.models import ENDED_SUBSCRIPTIONS, Product, Purchase, parse_public_id
from apps.ecommerce.purchases.customers import find_customer
from apps.ecommerce.purchases.external_sales import import_subscription_sale
from apps.ecommerce.purchases.fulfilment import sync_purchase
from apps.ecommerce.purchases.shop_id import is_of_other_shop
from apps.ecommerce.stripe_api.client import (
    StripeData,
    fetch_pages,
    is_missing,
    object_id,
)
from apps.users.guests import Buyer

logger = logging.getLogger(__name__)


def import_subscription(subscription: StripeData, cause: str) -> Purchase | None:
    """Create and return the synced purchase of a subscription that has none. Raise stripe.StripeError.

    Return None if the subscription has ended or is another shop's, or if its customer or product is unknown.
    """
    if subscription["status"] in ENDED_SUBSCRIPTIONS or is_of_other_shop(subscription["metadata"]):
        return None
    if public_id := parse_public_id((subscription["metadata"] or {}).get("purchase")):
        sold = Purchase.objects.filter(public_id=public_id).first()
        if sold is None:
            return None  # lost by restoring a backup: reconcile_purchases restores it
        if sold.subscription_id in ("", subscription["id"]):
            return sync_purchase(sold, cause)  # not synced since the payment, or by another process just now
    return import_subscription_sale(subscription, cause)


def running_subscriptions(user: Buyer, cause: str) -> list[tuple[StripeData, Purchase | None]]:
    """Fetch the user's running subscriptions. Return each with its purchase, which is created if needed.

    Raise stripe.StripeError if a request fails.
    """
    customer = find_customer(user)
    if customer is None:
        return []
    try:
        subscriptions = [row for page in fetch_pages("subscriptions", customer=customer.id) for row in page]
    except stripe.InvalidRequestError as error:
        if not is_missing(error):
            raise
        return []  # deleting the Customer has canceled the subscriptions
    running = [row for row in subscriptions if row["status"] not in ENDED_SUBSCRIPTIONS]
    known = Purchase.objects.filter(subscription_id__in=[row["id"] for row in running])
    purchases = {purchase.subscription_id: purchase for purchase in known.select_related("product")}
    return [(row, purchases.get(row["id"]) or import_subscription(row, cause)) for row in running]


def includes_product(subscription: StripeData, product: Product) -> bool:
    items = subscription["items"]["data"]
    return any(object_id(item["price"]["product"]) == product.id for item in items)
