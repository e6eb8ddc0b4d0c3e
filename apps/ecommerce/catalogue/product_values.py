"""The values of the product editor: those of Stripe's product and prices, and those of the store's row.

The form carries the values with which it was opened. `merge` finds what other people have changed since then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Self

from apps.ecommerce.models import Price, Product, ProductConfiguration
from apps.ecommerce.money import MIN_CHARGES

ROW_FIELDS = (
    *("slug", "status", "tagline", "description", "content", "specifications"),
    *("licence_keys", "max_activations", "pictures"),
)


@dataclass(frozen=True, slots=True)
class PriceValues:
    """`id` is empty for a price that Stripe does not have yet. Without an interval it is a one-time price.

    Without an amount, buyers choose it. The terms of a fixed price can't be changed in the editor.
    """

    id: str = ""
    currency: str = "usd"
    amount: int | None = None
    interval: str = ""
    interval_count: int = 1
    trial_days: int = 0
    minimum: int | None = None
    maximum: int | None = None
    preset: int | None = None
    nickname: str = ""
    is_fixed: bool = False

    @property
    def terms(self) -> tuple[Any, ...]:
        """Return what can't be changed at Stripe. https://docs.stripe.com/api/prices/update"""
        if self.is_fixed:
            return (self.id,)
        minimum = self.minimum
        # The store's copy has at least the smallest charge, because Stripe's page accepts no less.
        if self.is_custom:
            minimum = max(minimum or 0, MIN_CHARGES.get(self.currency, 0))
        amounts = (self.amount, minimum, self.maximum, self.preset)
        recurring = (self.interval, self.interval_count, self.trial_days) if self.interval else ("", 1, 0)
        return (self.currency, *amounts, *recurring)

    @property
    def is_custom(self) -> bool:
        return self.amount is None and not self.is_fixed

    @classmethod
    def from_price(cls, price: Price) -> Self:
        return cls(
            id=price.id,
            currency=price.currency,
            amount=price.unit_amount,
            interval=price.interval,
            interval_count=price.interval_count,
            trial_days=price.trial_period_days,
            minimum=price.custom_minimum,
            maximum=price.custom_maximum,
            preset=price.custom_preset,
            nickname=price.nickname,
            is_fixed=bool(price.unsellable or price.currency_options),
        )


@dataclass(frozen=True, slots=True)
class ProductValues:
    name: str = ""
    payment_text: str = ""
    features: list[str] = field(default_factory=list)
    prices: list[PriceValues] = field(default_factory=list)
    default: tuple[Any, ...] = ()  # the terms of the default price
    slug: str = ""
    status: str = ProductConfiguration.Status.DRAFT.value
    tagline: str = ""
    description: str = ""
    content: str = ""
    specifications: str = ""
    licence_keys: str = ""
    max_activations: int = 3
    pictures: list[dict[str, Any]] = field(default_factory=list)
    category: str = ""
    tags: list[str] = field(default_factory=list)
    faq: list[list[str]] = field(default_factory=list)  # questions and answers

    @classmethod
    def from_rows(cls, product: Product, prices: Iterable[Price], row: ProductConfiguration) -> Self:
        ordered = sorted((price for price in prices if price.active), key=_position(product))
        shown = [PriceValues.from_price(price) for price in ordered]
        default = next((price.terms for price in shown if price.id == product.default_price_id), ())
        return cls(
            name=product.name,
            payment_text=product.description,
            features=list(product.features),
            prices=shown,
            default=default,
            category=row.category.name if row.category else "",
            tags=sorted(tag.name for tag in row.tags.all()),
            faq=[[entry.question, entry.answer] for entry in row.faq.all()],
            **{name: getattr(row, name) for name in ROW_FIELDS},
        )

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        prices = [PriceValues(**price) for price in data["prices"]]
        return cls(**{**data, "prices": prices, "default": tuple(data["default"])})

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


PLAIN_FIELDS = [row.name for row in fields(ProductValues) if row.name not in ("prices", "default")]


@dataclass(frozen=True, slots=True)
class Conflict:
    """Another person has changed a value. `is_taken`: the form had not changed it, and uses the new value."""

    field: str
    current: Any
    entered: Any
    is_taken: bool


def add_interrupted(base: ProductValues, current: ProductValues, tried: ProductValues) -> ProductValues:
    """Return `base` with what an interrupted try of the same form has written, which is not a conflict."""
    names = [name for name in PLAIN_FIELDS if getattr(current, name) == getattr(tried, name)]
    known, found = {price.id for price in base.prices}, {price.id for price in current.prices}
    wanted = {(price.terms, price.nickname) for price in tried.prices}
    made = [row for row in current.prices if row.id not in known and (row.terms, row.nickname) in wanted]
    changed = {price.id for price in tried.prices if price.id in known and price not in base.prices}
    kept = [price for price in base.prices if price.id in found or price.id not in changed]
    default = current.default if current.default == tried.default else base.default
    written = {name: getattr(current, name) for name in names}
    return replace(base, **written, prices=[*kept, *made], default=default)


def merge(
    base: ProductValues, current: ProductValues, entered: ProductValues
) -> tuple[ProductValues, list[Conflict]]:
    """Return the form's values with those that only others have changed, and all values that others have changed."""
    merged, conflicts = entered, []
    for name in PLAIN_FIELDS:
        before, now, wanted = (getattr(values, name) for values in (base, current, entered))
        if now in (before, wanted):
            continue
        is_taken = wanted == before
        conflicts.append(Conflict(name, now, wanted, is_taken))
        if is_taken:
            merged = replace(merged, **{name: now})
    prices, price_conflicts = _merge_prices(base.prices, current.prices, entered.prices)
    merged = replace(merged, prices=prices)
    if current.default not in (base.default, entered.default):
        is_taken = entered.default == base.default
        conflicts.append(Conflict("default", current.default, entered.default, is_taken))
        merged = replace(merged, default=current.default if is_taken else entered.default)
    return merged, conflicts + price_conflicts


def _merge_prices(
    base: Sequence[PriceValues], current: Sequence[PriceValues], entered: Sequence[PriceValues]
) -> tuple[list[PriceValues], list[Conflict]]:
    before, now = ({price.id: price for price in prices} for prices in (base, current))
    wanted_terms = {price.terms for price in entered}
    merged: list[PriceValues] = []
    conflicts: list[Conflict] = []
    for price in entered:
        found, was = now.get(price.id), before.get(price.id)
        if not price.id or found in (was, price):
            # Without `was` and `found`, an interrupted try has archived the price that the row had.
            merged.append(price if found or not price.id else replace(price, id=""))
        elif found is None:  # archived by another person, or replaced when the form was sent before
            if price == was:
                conflicts.append(Conflict("prices", None, price, is_taken=True))
            else:
                merged.append(replace(price, id=""))
                if not any(row.terms == price.terms for row in current):
                    conflicts.append(Conflict("prices", None, price, is_taken=False))
        else:
            conflicts.append(Conflict("prices", found, price, is_taken=price == was))
            merged.append(found if price == was else price)
    entered_ids = {price.id for price in entered}
    for price in current:
        if price.id not in before and price.id not in entered_ids and price.terms not in wanted_terms:
            conflicts.append(Conflict("prices", price, None, is_taken=True))
            merged.append(price)
    return merged, conflicts


def _position(product: Product) -> Any:
    def position(price: Price) -> tuple[bool, str, int, str]:
        amount = price.unit_amount if price.unit_amount is not None else price.custom_minimum or 0
        return price.id != product.default_price_id, price.currency, amount, price.id

    return position
