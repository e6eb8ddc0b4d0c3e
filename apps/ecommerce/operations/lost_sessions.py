"""Find Checkout Sessions that are missing from the database, for example after restoring a backup."""

import logging
from typing import Any

from django.db import transaction

from apps.ecommerce.catalogue.bought_prices import find_or_copy_price
from apps.ecommerce.catalogue.report import NotSaved
from apps.ecommerce.catalogue.sync import sync_product
from apps.ecommerce.models import Price, Product, Purchase, StripeCustomer, parse_public_id
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.shop_id import GUEST, is_of_other_shop
from apps.ecommerce.stripe_api.client import StripeData, fetch, object_id
from apps.users.guests import new_guest_token
from apps.users.models import User

logger = logging.getLogger(__name__)


def find_purchase(session: StripeData, *, dry_run: bool = False) -> Purchase | None:
    """Return the purchase named in the Session's metadata, or a new unsaved one; None for another shop's Session.

    Its price is copied from Stripe if it is not in the catalogue, except in a dry run.
    """
    metadata = session["metadata"] or {}
    public_id = parse_public_id(metadata.get("purchase"))
    if public_id is None or is_of_other_shop(metadata):
        return None
    if known := Purchase.objects.filter(public_id=public_id).first():
        return known if known.session_id in (None, session["id"]) else None
    if session["status"] != "complete":
        return None
    price = _find_price(session, metadata.get("price", ""), dry_run)
    if price is None:
        logger.warning("Session %s is not restored: its price is unknown", session["id"])
        return None
    return Purchase(
        public_id=public_id,
        **_find_buyer(session),
        product_id=price.product_id,
        price=price,
        product_name=price.product.name,
        price_name=price.nickname,
        plan=price.plan,
        is_recurring=price.is_recurring,
        currency=session["currency"] or price.currency,
        livemode=session["livemode"],
        status=Status.EXPIRED,  # the buyer may have another open checkout; a sync corrects the status
    )


def save_session(purchase: Purchase, session: StripeData) -> Purchase:
    with transaction.atomic():
        if purchase.pk is None:
            purchase.save()
            purchase.changes.create(to_status=purchase.status, version=0, cause="reconcile")
            if purchase.user:
                customer = {"id": object_id(session["customer"])}
                StripeCustomer.objects.get_or_create(
                    user=purchase.user, livemode=purchase.livemode, defaults=customer
                )
        Purchase.objects.filter(pk=purchase.pk, session_id=None).update(session_id=session["id"])
    return Purchase.objects.get(pk=purchase.pk)


def _find_price(session: StripeData, price_id: str, dry_run: bool) -> Price | None:
    """Return the price that was bought. If it or its product is archived, it may have to be copied from Stripe."""
    known = Price.objects.filter(id=price_id).select_related("product").first()
    if known or dry_run:
        return known
    items = fetch("checkout/sessions", session["id"], expand=["line_items"])["line_items"]["data"]
    item = next((row["price"] for row in items if row["price"]["id"] == price_id), None)
    if item is None:
        return None
    _copy_product_if_missing(object_id(item["product"]))
    return find_or_copy_price(item)


def _copy_product_if_missing(product_id: str) -> None:
    product = Product.objects.filter(id=product_id)
    if not product.exists():
        try:
            sync_product(product_id)
        except NotSaved:
            if not product.exists():
                raise
            logger.exception("Product %s was saved without one of its prices or images", product_id)


def _find_buyer(session: StripeData) -> dict[str, Any]:
    customer_id = object_id(session["customer"])
    if known := StripeCustomer.objects.filter(id=customer_id).select_related("user").first():
        return {"user": known.user, "email": known.user.email}
    # No browser has the new token, so only the e-mailed link opens the order.
    if GUEST in (session["metadata"] or {}):
        return {"guest_token": new_guest_token()}
    customer = fetch("customers", customer_id) if customer_id else {}
    email = customer.get("email") or ""  # a deleted customer has none
    user = User.objects.filter(email__iexact=email).first() if email else None
    return {"user": user, "email": email}
