"""Build Product and Price rows from Stripe's objects. Reject objects that the store would sell wrongly."""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from babel.numbers import list_currencies
from django.db.models import Model
from django.utils import timezone

from apps.ecommerce.catalogue.report import InvalidObject, Report, printable
from apps.ecommerce.models import MAX_SORT_PRICE, Price, Product
from apps.ecommerce.money import MIN_CHARGES, has_uncharged_fraction, is_chargeable
from apps.ecommerce.stripe_api.client import StripeData, object_id

CURRENCIES = frozenset(list_currencies())
INTERVALS = ("day", "week", "month", "year")
MAX_INTEGER = 2**31 - 1  # PostgreSQL's limit
MAX_IMAGES = 8  # https://docs.stripe.com/api/products/create#create_product-images
MAX_NAME_LENGTH = 500
# The fields that a sync writes. Fields that a founder adds to the models are not written.
FIELDS: dict[type[Model], list[str]] = {
    Product: ["name", "description", "active", "default_price_id", "images", "metadata", "features"],
    Price: [
        *("product_id", "active", "currency", "unit_amount", "type", "interval", "interval_count"),
        *("currency_options", "custom_minimum", "custom_maximum", "custom_preset"),
        *("trial_period_days", "nickname", "plan", "unsellable"),
    ],
}
# The fields that a sync writes and Stripe does not know.
SYNC_FIELDS: dict[type[Model], list[str]] = {Product: ["synced_at", "copies"], Price: ["synced_at"]}
WRITTEN = {model: frozenset([*FIELDS[model], *SYNC_FIELDS[model]]) for model in FIELDS}
RowT = TypeVar("RowT", Product, Price)


def build_rows(
    model: type[RowT], items: Sequence[StripeData], report: Report, fetched_at: datetime | None = None
) -> list[RowT]:
    """Return unsaved rows. Objects that can't be sold are failures of the report."""
    rows: list[RowT] = []
    for item in items:
        with report.isolate(item, partial(_describe, model)):
            rows.append(build_row(model, item, fetched_at or timezone.now()))
    return rows


def build_row(model: type[RowT], item: StripeData, fetched_at: datetime) -> RowT:
    """Return an unsaved row. Raise InvalidObject or ValidationError if the object can't be sold."""
    build: Callable[..., Any] = _build_product if model is Product else _build_price
    # Neither fields that a founder has added, nor the product, which needs a query.
    checked = WRITTEN[model] | {"id"}
    unchecked = {field.name for field in model._meta.concrete_fields if field.attname not in checked}
    try:
        row: RowT = build(item, fetched_at)
        row.clean_fields(exclude=unchecked | {"product"})
    except KeyError as error:
        raise InvalidObject(f"{error} is missing") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise InvalidObject(f"it differs from Stripe's documentation ({printable(error)})") from error
    return row


def get_id(item: StripeData) -> str:
    return str(item["id"]) if isinstance(item, Mapping) and "id" in item else ""


def get_product_id(price: StripeData) -> str:
    try:
        return str(object_id(price["product"]))
    except (KeyError, TypeError):
        return ""


def clean_line(text: object) -> str:
    """Return the text as one line without control characters; "" if no character is visible."""
    line = " ".join(str(text or "").split())
    line = "".join(letter for letter in line if unicodedata.category(letter) != "Cc")
    return line if any(unicodedata.category(letter)[0] not in "CZ" for letter in line) else ""


def _describe(model: type[Model], item: object) -> str:
    if not isinstance(item, Mapping):
        return f"{model._meta.verbose_name} {printable(item)[:80]}"
    key = printable(item.get("id"))
    return f"{printable(item.get('name'))[:80]} ({key})" if model is Product else f"price {key}"


def _build_product(item: StripeData, fetched_at: datetime) -> Product:
    return Product(
        id=item["id"],
        name=(clean_line(item["name"]) or clean_line(item["id"]) or "Product")[:MAX_NAME_LENGTH],
        description=item.get("description") or "",
        active=item["active"],
        default_price_id=object_id(item.get("default_price")),
        images=[str(url) for url in item.get("images") or ()][:MAX_IMAGES],
        metadata={**(item.get("metadata") or {})},
        features=[feature["name"] for feature in item.get("marketing_features") or () if feature.get("name")],
        synced_at=fetched_at,
    )


def _build_price(item: StripeData, fetched_at: datetime) -> Price:
    recurring = item.get("recurring") or {}
    custom = item.get("custom_unit_amount") or {}
    nickname = clean_line(item.get("nickname"))[:MAX_NAME_LENGTH]
    price = Price(
        id=item["id"],
        product_id=object_id(item["product"]),
        active=item["active"],
        currency=item["currency"],
        unit_amount=item["unit_amount"],
        currency_options=_currency_options(item),
        custom_minimum=_custom_minimum(item),
        custom_maximum=custom.get("maximum"),
        custom_preset=custom.get("preset"),
        type=item["type"],
        interval=recurring.get("interval", ""),
        interval_count=recurring.get("interval_count", 1),
        trial_period_days=recurring.get("trial_period_days") or 0,
        nickname=nickname,
        plan=clean_line(item.get("lookup_key"))[:MAX_NAME_LENGTH] or nickname,
        synced_at=fetched_at,
    )
    _check_price(price)
    price.unsellable = _unsellable(item)
    return price


def _currency_options(item: StripeData) -> dict[str, int | None]:
    """Return the amounts in other currencies; None for tiers, fractions, and an amount that buyers choose.

    https://docs.stripe.com/payments/currencies/localize-prices/manual-currency-prices
    """
    options = item.get("currency_options") or {}  # Stripe returns them only if they are expanded
    amounts = {
        currency: option.get("unit_amount")
        for currency, option in options.items()
        if currency != item["currency"] and currency.upper() in CURRENCIES
    }
    is_custom = bool(item.get("custom_unit_amount"))  # then buyers choose the amount in each currency
    return {
        currency: amount if type(amount) is int and 0 <= amount < MAX_SORT_PRICE and not is_custom else None
        for currency, amount in amounts.items()
    }


def _custom_minimum(item: StripeData) -> int | None:
    """Return the smallest amount that a buyer can pay: Stripe's page never accepts less than the smallest charge."""
    custom = item.get("custom_unit_amount")
    return max(custom.get("minimum") or 0, MIN_CHARGES.get(item["currency"], 0)) if custom else None


def _unsellable(item: StripeData) -> str:
    """Return a value of Price.Unsellable. https://docs.stripe.com/products-prices/pricing-models"""
    if item.get("billing_scheme") == "tiered":
        return Price.Unsellable.TIERED
    if (item.get("recurring") or {}).get("usage_type") == "metered":
        return Price.Unsellable.METERED
    amount, currency = item["unit_amount"], item["currency"]
    if custom := item.get("custom_unit_amount"):
        if item.get("recurring"):
            return Price.Unsellable.CUSTOM_AMOUNT
        maximum = custom.get("maximum") or MAX_SORT_PRICE
        return Price.Unsellable.TOO_SMALL if maximum < MIN_CHARGES.get(currency, 1) else ""
    if amount is None or has_uncharged_fraction(amount, currency):
        return Price.Unsellable.FRACTIONAL
    return "" if is_chargeable(amount, currency) else Price.Unsellable.TOO_SMALL


def _check_price(price: Price) -> None:
    if not price.product_id:
        raise InvalidObject("its product is missing")
    if str(price.currency).upper() not in CURRENCIES:
        raise InvalidObject(f"the currency {price.currency!a} is unknown")
    for amount in (price.unit_amount, price.custom_minimum, price.custom_maximum, price.custom_preset):
        if amount is not None and (type(amount) is not int or amount < 0):
            raise InvalidObject(f"the amount {amount!a} is not a whole number of minor units")
    if (price.interval in INTERVALS) != price.is_recurring:
        raise InvalidObject(f"the interval {price.interval!a} is unknown")
    for name, smallest in (("interval_count", 1), ("trial_period_days", 0)):
        number = getattr(price, name)
        if type(number) is not int or not smallest <= number <= MAX_INTEGER:
            raise InvalidObject(f"{name} {number!a} is out of range")
