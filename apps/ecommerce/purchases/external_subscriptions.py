"""Subscriptions that were created outside the store: in Stripe's Dashboard or by another program.

Each gets a Purchase, so that its buyer can see and cancel it.
"""

import logging

import stripe
from django.db import IntegrityError

from apps.ecommerce.catalogue.bought_prices import find_or_copy_price
from apps.ecommerce.models import (
    ENDED_SUBSCRIPTIONS,
    Price,
    Product,
    Purchase,
    StripeCustomer,
    parse_public_id,
)
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.fulfilment import sync_purchase
from apps.ecommerce.purchases.shop_id import is_of_other_shop
from apps.ecommerce.stripe_api.client import (
    StripeData,
    fetch_pages,
    is_livemode,
    is_missing,
    object_id,
)
from apps.users.models import User

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
        if not sold.subscription_id:
            return sync_purchase(sold, cause)  # sold by the store, but not synced since the payment
    customers = StripeCustomer.objects.filter(id=object_id(subscription["customer"]), livemode=is_livemode())
    customer = customers.select_related("user").first()
    price = _known_price(subscription)
    if customer is None or price is None:
        return None
    fields = {"subscription_id": subscription["id"], "currency": subscription["currency"]}
    fields["status"] = Status.INCOMPLETE  # the sync corrects it
    try:
        purchase = Purchase.objects.create_for(customer.user, price, cause, **fields)
    except IntegrityError:  # another process has just created it
        purchase = Purchase.objects.get(subscription_id=subscription["id"])
    logger.warning("Subscription %s was created outside the store: %s", subscription["id"], purchase)
    return sync_purchase(purchase, cause)


def running_subscriptions(user: User, cause: str) -> list[tuple[StripeData, Purchase | None]]:
    """Fetch the user's running subscriptions. Return each with its purchase, which is created if needed.

    Raise stripe.StripeError if a request fails.
    """
    customer = StripeCustomer.objects.filter(user=user, livemode=is_livemode()).first()
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


def _known_price(subscription: StripeData) -> Price | None:
    """Return the first price of a known product. A price that was never for sale is copied from Stripe."""
    listed = [item["price"] for item in subscription["items"]["data"]]
    prices = Price.objects.in_bulk([price["id"] for price in listed])
    if known := next((prices[price["id"]] for price in listed if price["id"] in prices), None):
        return known
    return next(filter(None, map(find_or_copy_price, listed)), None)
