"""Create the store's products in the Stripe account of the current key: `manage.py push_catalogue`.

The products were made in the sandbox, or in another account. A product keeps its id, so that page, files and lessons
stay as they are. Prices get new ids: each one names the old one in its metadata, by which an interrupted run goes on.

https://docs.stripe.com/api/products/create and https://docs.stripe.com/api/prices/create
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from operator import attrgetter
from typing import Any

import stripe

from apps.ecommerce.catalogue.product_values import PriceValues
from apps.ecommerce.catalogue.publish import price_params
from apps.ecommerce.catalogue.report import NotSaved, Report, describe
from apps.ecommerce.catalogue.rows import build_rows
from apps.ecommerce.catalogue.sync import fetch_product, sync_product
from apps.ecommerce.models import Price, Product
from apps.ecommerce.stripe_api.client import StripeData, get_client, object_id

logger = logging.getLogger(__name__)

OLD_ID = "pushed_from"  # in the metadata of a price
DEMO = "demo"  # in the metadata of a product of the demo shop
TERMS = attrgetter(
    *("currency", "unit_amount", "currency_options", "custom_minimum", "custom_maximum", "custom_preset"),
    *("interval", "interval_count", "trial_period_days", "nickname"),
)


@dataclass
class Push:
    """The results of a run; in a dry run, what it would do."""

    dry_run: bool
    created: list[str] = field(default_factory=list)
    known: int = 0  # products that the account has with all their prices
    skipped: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    price_ids: dict[str, str] = field(default_factory=dict)  # id of the old price ▶ id of the new one

    def __str__(self) -> str:
        would_be = "would be " if self.dry_run else ""
        return (
            f"{len(self.created)} products {would_be}created, {self.known} exist already, "
            f"{len(self.skipped)} skipped, {len(self.failed)} failed."
        )


def push_catalogue(
    *,
    dry_run: bool = False,
    with_demo: bool = False,
    progress: Callable[[str], None] = lambda line: None,
) -> Push:
    """Create what the account does not have. Safe to repeat, also after an interruption.

    One refused product does not stop the rest. Raise stripe.StripeError if Stripe can't be reached.
    """
    push = Push(dry_run)
    # Create the store's first product last, because Stripe lists the newest first.
    for product in Product.objects.exclude(configuration=None).order_by("-configuration__position"):
        if DEMO in product.metadata and not with_demo:
            push.skipped.append(f"{describe(product)}: a product of the demo shop")
            continue
        progress(describe(product))
        try:
            _push_product(product, push)
        except (stripe.InvalidRequestError, NotSaved) as error:
            logger.exception("%s could not be pushed", describe(product))
            push.failed.append(f"{describe(product)}: {getattr(error, 'user_message', None) or error}")
    return push


def prices_to_push(product: Product) -> list[Price]:
    """Return the product's active prices, and those that a sync with this account has archived with the product."""
    return [
        price
        for price in product.prices.all()
        if price.active or (not product.active and price.synced_at == product.synced_at)
    ]


def _push_product(product: Product, push: Push) -> None:
    prices = prices_to_push(product)
    if not prices:
        push.skipped.append(f"{describe(product)}: it has no active price")
        return
    if reasons := [f"{price}: {price.get_unsellable_display()}" for price in prices if price.unsellable]:
        push.skipped.append(f"{describe(product)}: {'; '.join(reasons)}")
        return
    item, items = fetch_product(product.id)
    at_stripe = {price["id"]: price["id"] for price in items}
    at_stripe |= {old: price["id"] for price in items if (old := (price["metadata"] or {}).get(OLD_ID))}
    missing = [price for price in prices if price.id not in at_stripe]
    if item and not missing:
        push.known += 1
        return
    if not push.dry_run:
        _create(product, item, missing, at_stripe, _unknown_prices(items, at_stripe, prices))
        push.price_ids |= {price.id: at_stripe[price.id] for price in missing}
    push.created.append(f"{describe(product)}: {', '.join(price.label for price in missing)}")


def _unknown_prices(items: list[StripeData], at_stripe: dict[str, str], prices: list[Price]) -> list[Price]:
    """Return the account's other prices, such as those of "Copy to live mode" in the Dashboard."""
    known = {at_stripe.get(price.id) for price in prices}
    return [row for row in build_rows(Price, items, Report()) if row.id not in known]


def _create(
    product: Product,
    item: StripeData | None,
    missing: list[Price],
    at_stripe: dict[str, str],
    unknown: list[Price],
) -> None:
    if item is None:
        _create_product(product)
    for price in missing:
        same = next((row for row in unknown if TERMS(row) == TERMS(price)), None)
        if same:
            unknown.remove(same)
        at_stripe[price.id] = same.id if same else _create_price(price)
    _set_default(product, item, at_stripe)
    sync_product(product.id)
    for price in missing:
        Price.objects.filter(id=at_stripe[price.id]).update(plan=price.plan)


def _create_product(product: Product) -> None:
    params: dict[str, Any] = {"id": product.id, "name": product.name, "metadata": product.metadata}
    if product.description:
        params["description"] = product.description
    if product.features:
        params["marketing_features"] = [{"name": feature} for feature in product.features]
    get_client().v1.products.create(params)  # type: ignore[arg-type]


def _create_price(price: Price) -> str:
    """Return the id of the new price."""
    params = price_params(price.product_id, PriceValues.from_price(price))
    params["metadata"] = {OLD_ID: price.id}
    others = {code: {"unit_amount": n} for code, n in price.currency_options.items() if n is not None}
    if others and not price.is_custom:
        params["currency_options"] = others
    if price.plan and price.plan != price.nickname and not _is_taken(price):
        params |= {"lookup_key": price.plan, "transfer_lookup_key": True}
    digest = sha256(json.dumps(params, sort_keys=True).encode()).hexdigest()
    options: Any = {"idempotency_key": f"push-{digest[:40]}"}
    return get_client().v1.prices.create(params, options).id  # type: ignore[arg-type]


def _is_taken(price: Price) -> bool:
    """Return whether another product, perhaps of another shop, has the lookup key. The store keeps the plan anyway."""
    holders = get_client().v1.prices.list({"lookup_keys": [price.plan], "limit": 1}).data
    return any(object_id(holder.product) != price.product_id for holder in holders)


def _set_default(product: Product, item: StripeData | None, at_stripe: dict[str, str]) -> None:
    default = at_stripe.get(product.default_price_id)
    if default and default != object_id((item or {}).get("default_price")):
        get_client().v1.products.update(product.id, {"default_price": default})
