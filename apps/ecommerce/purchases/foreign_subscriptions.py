"""Subscriptions of our customers that the store has not sold: made in Stripe's Dashboard, or by another program.

They are charged like any other, so their buyer must see them and be able to cancel them: each gets a Purchase.
"""

from __future__ import annotations

import logging
from uuid import UUID

import stripe
from django.db import IntegrityError, transaction
from django.db.models import Count

from apps.ecommerce.catalogue.report import Report
from apps.ecommerce.catalogue.rows import build_rows
from apps.ecommerce.models import ENDED_SUBSCRIPTIONS, Price, Product, Purchase, StatusChange, StripeCustomer
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.fulfilment import sync_purchase
from apps.ecommerce.stripe_api.client import StripeData, is_missing, livemode, read_or_none, read_pages
from apps.ecommerce.stripe_api.expandable import object_id
from apps.users.models import User

logger = logging.getLogger(__name__)


def adopt_subscription(subscription: StripeData, cause: str) -> Purchase | None:
    """Create and return the synced purchase of a subscription that has none yet.

    None for a subscription that has ended, or whose customer or product the store does not know.
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
    """Fetch the subscription, and return what adopt_subscription does; None if Stripe has no such subscription."""
    subscription = read_or_none("subscriptions", subscription_id)
    return adopt_subscription(subscription, cause) if subscription else None


def running_subscriptions(user: User, cause: str) -> list[tuple[StripeData, Purchase | None]]:
    """Ask Stripe which subscriptions the user has, and return each with its purchase, adopted if it was unknown.

    Raises stripe.StripeError when Stripe can't be asked.
    """
    customer = StripeCustomer.objects.filter(user=user, livemode=livemode()).first()
    if customer is None:
        return []
    try:
        listed = [row for page in read_pages("subscriptions", customer=customer.id) for row in page]
    except stripe.InvalidRequestError as error:
        if not is_missing(error):
            raise
        return []  # a customer that Stripe has forgotten has no subscriptions
    running = [row for row in listed if row["status"] not in ENDED_SUBSCRIPTIONS]
    known = Purchase.objects.filter(subscription_id__in=[row["id"] for row in running])
    purchases = {row.subscription_id: row for row in known.select_related("product")}
    return [(row, purchases.get(row["id"]) or adopt_subscription(row, cause)) for row in running]


def charges_for(subscription: StripeData, product: Product) -> bool:
    """Whether the subscription charges for the product, with any of its items."""
    items = subscription["items"]["data"]
    return any(object_id(item["price"]["product"]) == product.id for item in items)


def billed_twice() -> list[Purchase]:
    """Return, of each buyer whom several subscriptions to one product will charge again, the newest of them."""
    charged = Purchase.objects.to_be_charged_again().exclude(user=None).filter(livemode=livemode())
    several = charged.order_by().values("user", "product").annotate(count=Count("pk")).filter(count__gt=1)
    rows = (charged.filter(user=pair["user"], product=pair["product"]).first() for pair in several)
    return [row for row in rows if row]


def billed_without_account() -> list[Purchase]:
    """Return subscriptions that will be charged again although their buyer's account is deleted."""
    return list(Purchase.objects.to_be_charged_again().filter(user=None, livemode=livemode()))


def _sold_by_us(public_id: str) -> tuple[Purchase | None, bool]:
    """The purchase that the metadata name, and whether they name one at all."""
    try:
        return Purchase.objects.filter(public_id=UUID(public_id)).first(), True
    except ValueError:
        return None, False


def _known_price(subscription: StripeData) -> Price | None:
    """Return the first price of a product that the store knows. A price that was never on sale is copied."""
    listed = [item["price"] for item in subscription["items"]["data"]]
    prices = Price.objects.in_bulk([price["id"] for price in listed])
    if found := next((prices[price["id"]] for price in listed if price["id"] in prices), None):
        return found
    ours = Product.objects.in_bulk([object_id(price["product"]) for price in listed])
    missing = [{**price, "active": False} for price in listed if object_id(price["product"]) in ours]
    copies = build_rows(Price, missing[:1], Report())
    for copy in copies:
        copy.save()
    return next(iter(copies), None)


def _create(subscription: StripeData, user: User, price: Price, cause: str) -> Purchase:
    """Create the purchase, or return the one that another process has just created for the subscription."""
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
