"""Prices in several currencies, and prices whose amount the buyer chooses."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from apps.ecommerce.catalogue.report import Report
from apps.ecommerce.catalogue.rows import build_rows
from apps.ecommerce.models import Price, Product, cheapest
from apps.ecommerce.storefront.price_options import (
    amount_limits,
    currency_choices,
    months_free,
    options_in_currencies,
    product_label,
)


def price(amount: int | None, currency: str = "usd", interval: str = "", **more: Any) -> Price:
    kind = "recurring" if interval else "one_time"
    key = f"price_{currency}_{amount}"
    return Price(id=key, unit_amount=amount, currency=currency, type=kind, interval=interval, **more)


def copied(**fields: Any) -> Price:
    """Return the copy of a price at Stripe."""
    item = {
        "id": "price_1",
        "product": "prod_1",
        "active": True,
        "currency": "usd",
        "unit_amount": 1000,
        "type": "one_time",
        **fields,
    }
    report = Report()
    rows = build_rows(Price, [item], report)
    assert not report.not_saved
    return rows[0]


def custom(**limits: int | None) -> dict[str, Any]:
    amounts = {"minimum": None, "maximum": None, "preset": None, **limits}
    return {"unit_amount": None, "custom_unit_amount": amounts}


def option(amount: int | None, **more: Any) -> dict[str, Any]:
    return {"custom_unit_amount": None, "tax_behavior": "unspecified", "unit_amount": amount, **more}


def test_each_currency_has_its_own_amount_and_label() -> None:
    row = price(900, interval="month", currency_options={"jpy": 1200, "eur": 850})
    assert row.amounts == {"usd": 900, "eur": 850, "jpy": 1200}
    assert [row.label_in(code) for code in row.amounts] == ["$9 / month", "€8.50 / month", "¥1,200 / month"]


def test_option_that_can_not_be_charged_is_not_sold_and_the_others_are() -> None:
    options = {
        "usd": option(1000),  # Stripe lists the price's own currency, too
        "eur": option(900),
        "gbp": option(None, custom_unit_amount={"minimum": 100, "maximum": None, "preset": None}),
        "cad": option(None, tiers=[]),
        "jpy": option(49),
        "chf": option(0),
    }
    row = copied(currency_options=options)
    assert row.is_sellable
    assert row.amounts == {"usd": 1000, "chf": 0, "eur": 900}
    reasons = [text.partition(":")[0] for text in row.unsellable_reason.split("; ")]
    assert reasons == ["not in CAD", "not in GBP", "not in JPY"]


@pytest.mark.parametrize("amount", ["900", -1, 9.5, 2**63, True, [], {}])
def test_invalid_option_does_not_reject_the_price(amount: Any) -> None:
    assert copied(currency_options={"eur": option(amount), "xyz": option(5)}).amounts == {"usd": 1000}


@pytest.mark.parametrize(
    ("limits", "minimum", "text"),
    [
        ({}, 50, "From $0.50."),
        ({"minimum": 500}, 500, "From $5."),
        ({"minimum": 10}, 50, "From $0.50."),  # Stripe's page accepts no less than the minimum charge
        ({"minimum": 500, "preset": 1000}, 500, "From $5. Suggested: $10."),
        ({"maximum": 10000}, 50, "From $0.50 to $100."),
    ],
)
def test_limits_of_pay_what_you_want_are_copied(limits: dict[str, int], minimum: int, text: str) -> None:
    row = copied(**custom(**limits))
    assert (row.is_custom, row.is_sellable, row.unit_amount) == (True, True, None)
    assert (row.custom_minimum, row.custom_maximum) == (minimum, limits.get("maximum"))
    assert row.custom_preset == limits.get("preset")
    assert amount_limits(row) == text


def test_pay_what_you_want_needs_no_known_minimum() -> None:
    row = copied(currency="isk", **custom())
    assert (row.is_sellable, amount_limits(row)) == (True, "")
    assert product_label([row]) == "Name your price"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({**custom(), "type": "recurring", "recurring": {"interval": "month"}}, "custom_amount"),
        (custom(maximum=49), "too_small"),
        ({"unit_amount": 49}, "too_small"),
        ({"unit_amount": None}, "fractional"),
        (
            {"unit_amount": None, "billing_scheme": "tiered", "currency_options": {"eur": option(900)}},
            "tiered",
        ),
    ],
)
def test_unsupported_prices_are_not_sold(fields: dict[str, Any], reason: str) -> None:
    row = copied(**fields)
    assert (row.is_sellable, row.unsellable) == (False, reason)
    assert row.unsellable_reason


@pytest.mark.parametrize(
    ("currency", "amount", "step"),
    [("kwd", 5125, "KWD 0.010"), ("bhd", 1001, "BHD 0.010"), ("isk", 1050, "ISK 1"), ("ugx", 12345, "UGX 1")],
)
def test_fraction_that_stripe_does_not_charge_is_not_sold(currency: str, amount: int, step: str) -> None:
    """https://docs.stripe.com/currencies#three-decimal and #special-cases"""
    reason = f"its amount is not a multiple of {step}".replace(" 0.", "\xa00.").replace(" 1", "\xa01")
    row = copied(currency=currency, unit_amount=amount)
    assert (row.is_sellable, row.unsellable_reason) == (False, reason)
    row = copied(currency_options={currency: option(amount)})
    assert row.amounts == {"usd": 1000}
    assert row.unsellable_reason == f"not in {currency.upper()}: {reason}"
    whole = amount // 100 * 100
    assert copied(currency=currency, unit_amount=whole).is_sellable
    assert copied(currency_options={currency: option(whole)}).amounts == {"usd": 1000, currency: whole}


def test_maximum_of_pay_what_you_want_may_have_a_fraction() -> None:
    assert copied(currency="kwd", **custom(maximum=5005)).is_sellable


def test_custom_amount_has_one_currency() -> None:
    """The limits and the label are those of the price's own currency."""
    row = copied(**custom(minimum=500), currency_options={"eur": option(900)})
    assert row.amounts == {"usd": 500}
    assert "not in EUR" in row.unsellable_reason


def test_amounts_in_different_currencies_are_not_compared() -> None:
    dollars, yen = price(2000), price(1000, "jpy")
    assert cheapest([dollars, yen]) is dollars
    assert cheapest([yen, dollars]) is yen
    assert product_label([dollars, yen]) == "$20"
    assert product_label([dollars, yen, price(5000)]) == "From $20"


def test_the_lowest_price_counts_options_in_the_currency_of_the_first_price() -> None:
    dollars, euros = price(2000), price(1500, "eur", currency_options={"usd": 1700})
    assert product_label([dollars, euros]) == "From $17"
    assert product_label([euros, dollars]) == "€15"


def test_card_names_the_minimum_of_pay_what_you_want() -> None:
    assert product_label([copied(**custom(minimum=500))]) == "From $5"
    assert product_label([price(900), copied(**custom(minimum=500))]) == "From $5"
    assert product_label([price(900), copied(currency="eur", **custom(minimum=500))]) == "$9"


def test_prices_are_grouped_by_currency_and_those_of_the_default_price_are_first() -> None:
    rows = [price(500, "usd"), price(100, "eur"), price(900, "usd"), price(50, "jpy"), price(100, "usd")]
    for order in permutations(rows):
        listed = Product(default_price_id=rows[2].id).sellable_prices(order)
        assert [(row.currency, row.unit_amount) for row in listed] == [
            ("usd", 900),
            ("usd", 100),
            ("usd", 500),
            ("eur", 100),
            ("jpy", 50),
        ]


def test_months_free_count_in_each_currency() -> None:
    monthly = price(1000, interval="month", currency_options={"eur": 900, "gbp": 800})
    assert months_free(price(10000, interval="year", currency_options={"eur": 8100}), [monthly]) == 2
    assert months_free(price(10000, interval="year", currency_options={"eur": 9900}), [monthly]) == 1
    assert months_free(price(10000, "jpy", "year"), [monthly]) == 0
    assert months_free(price(8000, "gbp", "year"), [monthly]) == 2


def test_currency_choices_start_with_the_own_currency() -> None:
    plain, both = price(900), price(900, currency_options={"eur": 850, "jpy": 1200})
    assert currency_choices([plain, price(1000, "jpy")]) == []
    assert currency_choices([plain, both]) == [("", "USD"), ("eur", "EUR"), ("jpy", "JPY")]
    values = [value for value, _name in currency_choices([price(900, "gbp"), both])]
    assert values == ["", "eur", "gbp", "jpy", "usd"]


def test_options_name_the_amount_of_each_choice() -> None:
    plain, both = price(900), price(1900, currency_options={"eur": 1800})
    options = options_in_currencies([plain, both], None)
    assert [[row.label for row in option.in_currencies] for option in options] == [
        ["$9", "—"],
        ["$19", "€18"],
    ]
    assert [row.button for row in options[0].in_currencies] == ["Buy now", "Not available"]
    (single,) = options_in_currencies([plain], None)
    assert not single.in_currencies
