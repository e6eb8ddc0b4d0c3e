"""Write a product and its prices to Stripe, as the product editor describes them.

A price's amount can't be changed at Stripe, so another amount is a new price, and the old one is archived: its buyers
keep it. Safe to repeat after any failure: what Stripe already has is found again by its id or its terms.

https://docs.stripe.com/products-prices/manage-prices
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import stripe

from apps.ecommerce.catalogue.product_values import PriceValues, ProductValues
from apps.ecommerce.catalogue.report import Report
from apps.ecommerce.catalogue.rows import build_rows
from apps.ecommerce.catalogue.sync import fetch_product, sync_product
from apps.ecommerce.models import Price, Product
from apps.ecommerce.stripe_api.client import StripeData, get_client, object_id

# Stripe's parameter ▶ field of the form; the first that the parameter starts with
PRODUCT_PARAMS = {
    "name": "name",
    "description": "payment_text",
    "marketing_features": "features",
    "default_price": "prices",
}
PRICE_PARAMS = {
    "unit_amount": "amount",
    "currency": "currency",
    "recurring[interval_count]": "interval_count",
    "recurring[trial_period_days]": "trial_days",
    "recurring": "kind",
    "custom_unit_amount[minimum]": "minimum",
    "custom_unit_amount[maximum]": "maximum",
    "custom_unit_amount[preset]": "preset",
    "nickname": "nickname",
}


class PublishError(Exception):
    """Stripe refused a value. `field` is that of the form, or ""; `row` the number of the price."""

    def __init__(self, message: str, field: str = "", row: int | None = None) -> None:
        super().__init__(message)
        self.field, self.row = field, row


@dataclass
class StripeProduct:
    """The product at Stripe: its objects, and the rows that the store would make of them."""

    item: StripeData | None = None
    price_items: dict[str, StripeData] = field(default_factory=dict)
    product: Product | None = None
    prices: Sequence[Price] = ()


def read_product(product_id: str) -> StripeProduct:
    item, price_items = fetch_product(product_id)
    report = Report()
    product = next(iter(build_rows(Product, [item], report)), None) if item else None
    prices = build_rows(Price, price_items, report)
    return StripeProduct(item, {str(price["id"]): price for price in price_items}, product, prices)


def publish(
    product_id: str, found: StripeProduct, base: ProductValues, values: ProductValues, nonce: str
) -> None:
    """Write the values to Stripe and copy the result. Prices of `base` that `values` lack are archived.

    `nonce` is part of the idempotency keys: requests of one form that is sent twice have the same one.
    Raise PublishError, stripe.StripeError or NotSaved.
    """
    writer = _Writer(product_id, found, nonce, {price.id for price in values.prices})
    writer.write_product(values)
    kept = [writer.write_price(number, price) for number, price in enumerate(values.prices)]
    default = next(
        (key for key, price in zip(kept, values.prices, strict=True) if price.terms == values.default), ""
    )
    writer.write_default(default or next(iter(kept), ""))
    for price in base.prices:
        if price.id in found.price_items and price.id not in kept:
            get_client().v1.prices.update(price.id, {"active": False})
    sync_product(product_id)
    for key, plan in writer.plans.items():
        Price.objects.filter(id=key).update(plan=plan)


@dataclass
class _Writer:
    product_id: str
    found: StripeProduct
    nonce: str
    # Ids of prices in the form; prices with other ids may be those of an interrupted attempt.
    used_ids: set[str]
    # Plans of new prices, which continue the plan of the replaced price.
    plans: dict[str, str] = field(default_factory=dict)
    claimed: set[str] = field(default_factory=set)

    def write_product(self, values: ProductValues) -> None:
        features = [{"name": feature} for feature in values.features]
        wanted: dict[str, Any] = {
            "name": values.name,
            "description": values.payment_text,
            "marketing_features": features,
        }
        products = get_client().v1.products
        with _refusals(PRODUCT_PARAMS):
            if self.found.product is None:
                params: Any = {
                    "id": self.product_id,
                    **{key: value for key, value in wanted.items() if value},
                }
                products.create(params, {"idempotency_key": self._key("product", params)})
                return
            known = self.found.product
            before = {
                "name": known.name,
                "description": known.description,
                "marketing_features": [{"name": feature} for feature in known.features],
            }
            changes: Any = {key: value or "" for key, value in wanted.items() if value != before[key]}
            if changes:
                products.update(self.product_id, changes)

    def write_price(self, number: int, price: PriceValues) -> str:
        """Return the id of the price with these terms, which is created if Stripe has none."""
        prices = get_client().v1.prices
        with _refusals(PRICE_PARAMS, number):
            if known := self._find(price):
                self.claimed.add(known.id)
                if known.nickname != price.nickname:
                    prices.update(known.id, {"nickname": price.nickname})
                return known.id
            params = self._price_params(price)
            created = prices.create(params, {"idempotency_key": self._key(f"price {number}", params)}).id
        replaced = Price.objects.filter(id=price.id).first() if price.id else None
        if replaced and replaced.plan and "lookup_key" not in params:
            self.plans[created] = replaced.plan
        self.claimed.add(created)
        return created

    def write_default(self, price_id: str) -> None:
        item = self.found.item or {}
        if price_id and price_id != object_id(item.get("default_price")):
            with _refusals(PRODUCT_PARAMS):
                get_client().v1.products.update(self.product_id, {"default_price": price_id})

    def _find(self, price: PriceValues) -> PriceValues | None:
        """Return Stripe's price: the row's, if its terms are unchanged, or one that an interrupted try has created."""
        rows = [row for row in map(PriceValues.from_price, self.found.prices) if row.terms == price.terms]
        created = [
            row
            for row in rows
            if row.id not in self.used_ids | self.claimed and row.nickname == price.nickname
        ]
        return next((row for row in rows if row.id == price.id), next(iter(created), None))

    def _price_params(self, price: PriceValues) -> Any:
        old = self.found.price_items.get(price.id, {})
        params = price_params(self.product_id, price)
        if old.get("metadata"):
            params["metadata"] = {**old["metadata"]}
        if old.get("tax_behavior") not in (None, "unspecified"):
            params["tax_behavior"] = old["tax_behavior"]
        if old.get("lookup_key"):
            params |= {"lookup_key": old["lookup_key"], "transfer_lookup_key": True}
        return params

    def _key(self, name: str, params: Any) -> str:
        text = json.dumps([self.product_id, self.nonce, name, params], sort_keys=True)
        return f"editor-{sha256(text.encode()).hexdigest()[:40]}"


def price_params(product_id: str, price: PriceValues) -> dict[str, Any]:
    """Return the parameters of a new price. https://docs.stripe.com/api/prices/create"""
    params: dict[str, Any] = {"product": product_id, "currency": price.currency}
    if price.amount is None:
        limits = {"minimum": price.minimum, "maximum": price.maximum, "preset": price.preset}
        given = {name: amount for name, amount in limits.items() if amount}
        params["custom_unit_amount"] = {"enabled": True, **given}
    else:
        params["unit_amount"] = price.amount
    if price.interval:
        recurring: dict[str, Any] = {"interval": price.interval, "interval_count": price.interval_count}
        trial = {"trial_period_days": price.trial_days} if price.trial_days else {}
        params["recurring"] = recurring | trial
    if price.nickname:
        params["nickname"] = price.nickname
    return params


@contextmanager
def _refusals(names: dict[str, str], row: int | None = None) -> Iterator[None]:
    try:
        yield
    except stripe.InvalidRequestError as error:
        param = error.param or ""
        name = next((field for start, field in names.items() if param.startswith(start)), "")
        raise PublishError(error.user_message or str(error), name, row) from error
