"""Amounts as people write them. Limits are from https://docs.stripe.com/currencies."""

from __future__ import annotations

import pytest
from django.utils import translation

from apps.ecommerce.catalogue.amounts import AmountError, format_amount, parse_amount


@pytest.mark.parametrize(
    ("language", "text", "currency", "amount"),
    [
        ("en", "19", "usd", 1900),
        ("en", "0.2", "usd", 20),
        ("en", "19.9", "usd", 1990),
        ("en", "1.99", "usd", 199),
        ("en", "1,99", "usd", 199),  # only a fraction has two digits
        ("de", "1,99", "eur", 199),
        ("de", "1.99", "eur", 199),
        ("en", "1,999", "usd", 199_900),
        ("de", "1.999", "eur", 199_900),
        ("en", "1,999.50", "usd", 199_950),
        ("de", "1.999,50", "eur", 199_950),
        ("en", "1.999,50", "eur", 199_950),  # the last symbol is the decimal one
        ("de", "1 999,50", "eur", 199_950),
        ("de", "1\u202f999,50", "eur", 199_950),
        ("de", "1'999.50", "chf", 199_950),
        ("en", "1,000,000", "jpy", 1_000_000),
        ("en", "4800", "jpy", 4800),
        ("en", "4800.0", "jpy", 4800),
        ("en", "1.250", "kwd", 1250),
        ("de", "1,250", "kwd", 1250),
        ("en", "5,500.00", "isk", 550_000),  # Stripe has two decimals, which are always zero
        ("en", "0", "usd", 0),
        ("en", "19.900", "usd", 1990),
        ("en", "007", "usd", 700),
    ],
)
def test_amounts_of_both_languages_are_read(language: str, text: str, currency: str, amount: int) -> None:
    with translation.override(language):
        assert parse_amount(text, currency) == amount


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("1e5", "usd"),
        ("-5", "usd"),
        ("−5", "usd"),
        ("NaN", "usd"),
        ("Infinity", "usd"),
        ("$19", "usd"),
        ("19 USD", "usd"),
        ("0x10", "usd"),
        ("１９", "usd"),
        ("1..9", "usd"),
        ("1,2,3", "usd"),
        ("1.2.3,4", "usd"),
        (".5", "usd"),
        ("5.", "usd"),
        ("1.999", "usd"),  # a thousand in other languages
        ("1.234", "jpy"),
        ("1.5", "jpy"),
        ("1.2345", "kwd"),
        ("1.255", "kwd"),  # charges are multiples of ten
        ("1,250", "kwd"),  # thousands or decimals in English
        ("5.50", "isk"),  # charges are whole krónur
        ("5.5", "ugx"),
        ("1000000", "usd"),  # more than eight digits
        ("9" * 40, "usd"),
    ],
)
def test_unclear_and_impossible_amounts_are_refused(text: str, currency: str) -> None:
    with translation.override("en"), pytest.raises(AmountError):
        parse_amount(text, currency)


def test_largest_amount_of_eight_digits_is_read() -> None:
    assert parse_amount("999999.99", "usd") == 99_999_999


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize(("amount", "currency"), [(1999, "usd"), (4800, "jpy"), (1250, "kwd"), (0, "eur")])
def test_shown_amounts_are_read_again(language: str, amount: int, currency: str) -> None:
    with translation.override(language):
        assert parse_amount(format_amount(amount, currency), currency) == amount
