"""Subscriptions of our customers that the store has not sold: made in Stripe's Dashboard, or by another program.

They are charged like any other, so their buyer must see them and be able to cancel them: each gets a Purchase.
"""

from __future__ import annotations

import logging
from uuid import UUID

import stripe
from django.db import IntegrityError, transaction
from django.db.models import Count

from apps.users.models import User

from .expandable import object_id
from .fulfilment import sync_purchase
from .models import ENDED_SUBSCRIPTIONS, Price, Product, Purchase, StatusChange, StripeCustomer
from .models import PurchaseStatus as Status
from .stripe_client import StripeData, livemode, read, read_pages

logger = logging.getLogger(__name__)


def adopt_subscription(subscription: StripeData, cause: str) -> Purchase | None:
    """Return the synced purchase of a subscription that no purchase names yet, or None if it is no business of ours.

    It is ours when it runs, for a customer that the store made, at a price of a product that the store knows.
    Raises stripe.StripeError when Stripe can't be asked.
    """
    if subscription["status"] in ENDED_SUBSCRIPTIONS:
        return None
    metadata = subscription["metadata"] or {}
    sold, is_ours = _sold_by_us(metadata.get("purchase", ""))
    if sold and not sold.subscription_id:
        return sync_purchase(sold, cause)  # the store's own sale, whose session it has not read yet
    if is_ours and not sold:
        return None  # sold before a backup was restored: reconcile_purchases finds it by its session
    customer = StripeCustomer.objects.filter(id=object_id(subscription["customer"]), livemode=livemode())
    owner = customer.select_related("user").first()
    price = _known_price(subscription)
    if owner is None or price is None:
        return None
    purchase = _create(subscription, owner.user, price, cause)
    logger.warning(
        "subscription %s was not sold by the store; it is now shown to its buyer", subscription["id"]
    )
    return sync_purchase(purchase, cause)


def adopt_subscription_by_id(subscription_id: str, cause: str) -> Purchase | None:
    """Return what adopt_subscription does for the subscription as it is at Stripe now; None if there is none."""
    try:
        return adopt_subscription(read("subscriptions", subscription_id), cause)
    except stripe.InvalidRequestError as error:
        if error.code != "resource_missing":
            raise
        return None


def adopt_subscriptions_of(user: User, product: Product, cause: str) -> None:
    """Ask Stripe which subscriptions to this product the user has, and adopt those that the store did not know.

    Raises stripe.StripeError when Stripe can't be asked.
    """
    customer = StripeCustomer.objects.filter(user=user, livemode=livemode()).first()
    if customer is None or not product.prices.filter(type=Price.Type.RECURRING).exists():
        return
    known = set(
        Purchase.objects.filter(user=user)
        .exclude(subscription_id="")
        .values_list("subscription_id", flat=True)
    )
    try:
        for page in read_pages("subscriptions", customer=customer.id):
            for subscription in page:
                if subscription["id"] not in known and _is_of(subscription, product):
                    adopt_subscription(subscription, cause)
    except stripe.InvalidRequestError as error:
        if error.code != "resource_missing":  # a customer that Stripe has forgotten has no subscriptions
            raise


def billed_twice() -> list[Purchase]:
    """Return, of each buyer who has several running subscriptions to one product, the newest of them."""
    running = Purchase.objects.with_running_subscription().exclude(user=None).filter(livemode=livemode())
    several = running.order_by().values("user", "product").annotate(count=Count("pk")).filter(count__gt=1)
    rows = (running.filter(user=pair["user"], product=pair["product"]).first() for pair in several)
    return [row for row in rows if row]


def _sold_by_us(public_id: str) -> tuple[Purchase | None, bool]:
    """The purchase that the metadata name, and whether they name one at all."""
    try:
        return Purchase.objects.filter(public_id=UUID(public_id)).first(), True
    except ValueError:
        return None, False


def _known_price(subscription: StripeData) -> Price | None:
    ids = [item["price"]["id"] for item in subscription["items"]["data"]]
    prices = Price.objects.in_bulk(ids)
    return next((prices[pk] for pk in ids if pk in prices), None)


def _is_of(subscription: StripeData, product: Product) -> bool:
    return any(object_id(item["price"]["product"]) == product.id for item in subscription["items"]["data"])


def _create(subscription: StripeData, user: User, price: Price, cause: str) -> Purchase:
    """The purchase, or the one that somebody else made for it at the same moment."""
    try:
        with transaction.atomic():
            purchase = Purchase.objects.create(
                user=user,
                email=user.email,
                product_id=price.product_id,
                price=price,
                is_recurring=True,
                livemode=livemode(),
                status=Status.INCOMPLETE,  # what follows at once is the truth
                currency=subscription["currency"],
                amount_subtotal=price.unit_amount or 0,
                amount_total=price.unit_amount or 0,
                subscription_id=subscription["id"],
            )
            StatusChange.objects.create(
                purchase=purchase, to_status=Status.INCOMPLETE, version=0, cause=cause
            )
    except IntegrityError:
        return Purchase.objects.get(subscription_id=subscription["id"])
    return purchase
