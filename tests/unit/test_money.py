"""Formats of amounts and prices."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from apps.ecommerce.models import Price
from apps.ecommerce.money import (
    THREE_DECIMAL,
    ZERO_DECIMAL,
    format_money,
    to_major,
)
from apps.ecommerce.storefront.price_options import months_free, product_label


@pytest.mark.parametrize(
    ("amount", "currency", "full", "short"),
    [
        (900, "usd", "$9.00", "$9"),
        (1999, "usd", "$19.99", "$19.99"),
        (0, "usd", "$0.00", "$0"),
        (500, "jpy", "¥500", "¥500"),
        (1_000_000, "jpy", "¥1,000,000", "¥1,000,000"),
        (1234, "kwd", "KWD\xa01.234", "KWD\xa01.234"),
        (5000, "kwd", "KWD\xa05.000", "KWD\xa05"),
        (500, "isk", "ISK\xa05", "ISK\xa05"),
        (550, "isk", "ISK\xa05.50", "ISK\xa05.50"),
        (-550, "eur", "−€5.50", "−€5.50"),
    ],
)
def test_money_has_the_decimals_of_its_currency(amount: int, currency: str, full: str, short: str) -> None:
    assert format_money(amount, currency) == full
    assert format_money(amount, currency, short=True) == short


def test_money_follows_the_language() -> None:
    with translation.override("de"):
        assert format_money(123456, "eur") == "1.234,56\xa0€"


currencies = st.sampled_from(
    [*ZERO_DECIMAL, *THREE_DECIMAL, "usd", "eur", "gbp", "isk", "ugx", "huf", "twd", "inr"]
)


@given(st.integers(-(10**12), 10**12), currencies)
def test_formatted_amount_contains_every_minor_unit(amount: int, currency: str) -> None:
    for short in (False, True):
        text = format_money(amount, currency, short=short)
        digits = "".join(c for c in text.replace("−", "-") if c.isdigit() or c in ".-")
        assert Decimal(digits) == to_major(amount, currency)


def price(amount: int | None, interval: str = "", count: int = 1, **more: object) -> Price:
    kind = "recurring" if interval else "one_time"
    return Price(
        id=f"price_{amount}_{interval}", unit_amount=amount, currency="usd", type=kind, interval=interval,
        interval_count=count, **more,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("given_price", "label"),
    [
        (price(900), "$9"),
        (price(0), "Free"),
        (price(900, "month"), "$9 / month"),
        (price(2500, "month", 3), "$25 / 3 months"),
        (price(9000, "year"), "$90 / year"),
        (price(None), "Price on request"),
    ],
)
def test_price_label_names_amount_and_interval(given_price: Price, label: str) -> None:
    assert given_price.label == label


def test_product_label_uses_the_lowest_price() -> None:
    assert product_label([price(2900), price(900), price(9900)]) == "From $9"
    assert product_label([price(900)]) == "$9"
    assert product_label([price(900, "month"), price(9000, "year")]) == "From $9 / month"
    assert product_label([]) == "Not available"


def test_yearly_price_saves_whole_months() -> None:
    monthly, yearly = price(900, "month"), price(9000, "year")
    assert months_free(yearly, [monthly, yearly]) == 2
    assert months_free(monthly, [monthly, yearly]) == 0
    assert months_free(price(10800, "year"), [monthly]) == 0
    assert months_free(price(12000, "year"), [monthly]) == 0
