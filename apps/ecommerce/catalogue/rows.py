"""Make Product and Price rows of Stripe's objects. Their ids, names and texts may be any text.

A text that a database can't store is cleaned; an object that the store can't sell rightly is refused, with the reason.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from babel.numbers import list_currencies
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.utils import timezone

from apps.ecommerce.catalogue.report import Report, item_label, printable
from apps.ecommerce.models import Price, Product
from apps.ecommerce.stripe_api.client import StripeData, object_id

CURRENCIES = frozenset(list_currencies())
INTERVALS = ("day", "week", "month", "year")
MAX_INTEGER = 2**31 - 1  # of PostgreSQL; SQLite takes more
MAX_IMAGES = 8  # https://docs.stripe.com/api/products/create#create_product-images
MAX_NAME_LENGTH = 500  # of our columns
# What is copied from Stripe. A founder's own fields of these models are left alone.
FIELDS: dict[type[Model], list[str]] = {
    Product: ["name", "description", "active", "default_price_id", "images", "metadata"],
    Price: [
        *("product_id", "active", "currency", "unit_amount", "type", "interval", "interval_count"),
        *("trial_period_days", "nickname", "metered"),
    ],
}
Copy = TypeVar("Copy", Product, Price)


class Refused(Exception):
    """The store can't copy this object of Stripe's; the message says why."""


def usable_rows(
    model: type[Copy], items: Sequence[StripeData], report: Report, fetched_at: datetime | None = None
) -> list[Copy]:
    """Return unsaved rows of the items that can be copied, and report the rest."""
    rows: list[Copy] = []
    for item in items:
        try:
            rows.append(_checked(BUILDERS[model], item, fetched_at or timezone.now()))
        except Refused as error:
            report.not_saved.append(f"{item_label(item, model)}: {error}")
    return rows


def id_of(item: StripeData) -> str:
    return str(item["id"]) if isinstance(item, Mapping) and "id" in item else ""


def product_of(price: StripeData) -> str:
    """ "" where the price does not say: then it is looked at and reported."""
    try:
        return object_id(price["product"])
    except (KeyError, TypeError):
        return ""


def clean_text(text: object) -> str:
    """Without what PostgreSQL can't store: NUL characters and halves of a surrogate pair."""
    return str(text or "").replace("\0", "").encode("utf-8", "replace").decode()


def clean_line(text: object) -> str:
    """The same in one line, without control characters; "" if nothing of it can be seen."""
    line = " ".join(clean_text(text).split())
    line = "".join(letter for letter in line if unicodedata.category(letter) != "Cc")
    return line if any(unicodedata.category(letter)[0] not in "CZ" for letter in line) else ""


def _checked(build: Callable[..., Any], item: StripeData, fetched_at: datetime) -> Any:
    try:
        row = build(item, fetched_at)
        row.clean_fields(
            exclude={"product"}
        )  # checking it would be a query, and the caller knows the product
    except KeyError as error:
        raise Refused(f"{error} is missing") from error
    except ValidationError as error:
        reasons = (f"{name}: {' '.join(words)}" for name, words in error.message_dict.items())
        raise Refused(printable("; ".join(reasons))) from error
    except (TypeError, ValueError, AttributeError) as error:
        raise Refused(f"it is not as Stripe describes it ({printable(error)})") from error
    return row


def _product(item: StripeData, fetched_at: datetime) -> Product:
    key = _id(item["id"])
    return Product(
        id=key,
        name=(clean_line(item["name"]) or clean_line(key) or "Product")[:MAX_NAME_LENGTH],
        description=clean_text(item.get("description")),
        active=item["active"],
        default_price_id=clean_text(object_id(item.get("default_price"))),
        images=[clean_text(url) for url in item.get("images") or ()][:MAX_IMAGES],
        metadata=_metadata(item.get("metadata")),
        synced_at=fetched_at,
    )


def _price(item: StripeData, fetched_at: datetime) -> Price:
    recurring = item.get("recurring") or {}
    price = Price(
        id=_id(item["id"]),
        product_id=_id(object_id(item["product"])),
        active=item["active"],
        currency=item["currency"],
        unit_amount=item["unit_amount"],
        type=item["type"],
        interval=recurring.get("interval", ""),
        interval_count=recurring.get("interval_count", 1),
        trial_period_days=recurring.get("trial_period_days") or 0,
        nickname=clean_line(item.get("nickname"))[:MAX_NAME_LENGTH],
        metered=recurring.get("usage_type") == "metered",
        synced_at=fetched_at,
    )
    _check_money(price)
    return price


def _check_money(price: Price) -> None:
    """What is not understood is not sold: a wrong amount or interval would be shown to buyers."""
    if str(price.currency).upper() not in CURRENCIES:
        raise Refused(f"the currency {price.currency!a} is unknown here")
    if price.unit_amount is not None and (type(price.unit_amount) is not int or price.unit_amount < 0):
        raise Refused(f"the amount {price.unit_amount!a} is not a whole number of minor units")
    if (price.interval in INTERVALS) != price.is_recurring:
        raise Refused(f"the interval {price.interval!a} is unknown here")
    for name in ("interval_count", "trial_period_days"):
        number = getattr(price, name)
        if type(number) is not int or not (name == "interval_count") <= number <= MAX_INTEGER:
            raise Refused(f"{name} {number!a} is out of range")


def _id(value: object) -> str:
    if not isinstance(value, str) or not value or value != clean_text(value):
        raise Refused(f"the id {value!a} can't be stored")
    return value


def _metadata(value: Any) -> dict[str, str]:
    """https://docs.stripe.com/api/metadata: texts by name."""
    if value is not None and not isinstance(value, Mapping):
        raise Refused("its metadata are no texts by name")
    return {clean_text(name): clean_text(text) for name, text in (value or {}).items()}


BUILDERS: dict[type[Model], Callable[[StripeData, datetime], Any]] = {Product: _product, Price: _price}
