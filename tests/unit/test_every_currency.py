"""Amounts in every currency of Stripe are formatted as in CLDR. https://docs.stripe.com/currencies"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from babel import Locale
from babel.numbers import format_currency, get_currency_precision, parse_decimal
from django.utils import translation

from apps.ecommerce.money import THREE_DECIMAL, ZERO_DECIMAL, decimals, format_money, to_major

STRIPE_CURRENCIES = [
    "AED",
    "AFN",
    "ALL",
    "AMD",
    "ANG",
    "AOA",
    "ARS",
    "AUD",
    "AWG",
    "AZN",
    "BAM",
    "BBD",
    "BDT",
    "BHD",
    "BIF",
    "BMD",
    "BND",
    "BOB",
    "BRL",
    "BSD",
    "BWP",
    "BYN",
    "BZD",
    "CAD",
    "CDF",
    "CHF",
    "CLP",
    "CNY",
    "COP",
    "CRC",
    "CVE",
    "CZK",
    "DJF",
    "DKK",
    "DOP",
    "DZD",
    "EGP",
    "ETB",
    "EUR",
    "FJD",
    "FKP",
    "GBP",
    "GEL",
    "GIP",
    "GMD",
    "GNF",
    "GTQ",
    "GYD",
    "HKD",
    "HNL",
    "HTG",
    "HUF",
    "IDR",
    "ILS",
    "INR",
    "ISK",
    "JMD",
    "JOD",
    "JPY",
    "KES",
    "KGS",
    "KHR",
    "KMF",
    "KRW",
    "KWD",
    "KYD",
    "KZT",
    "LAK",
    "LBP",
    "LKR",
    "LRD",
    "LSL",
    "MAD",
    "MDL",
    "MGA",
    "MKD",
    "MMK",
    "MNT",
    "MOP",
    "MUR",
    "MVR",
    "MWK",
    "MXN",
    "MYR",
    "MZN",
    "NAD",
    "NGN",
    "NIO",
    "NOK",
    "NPR",
    "NZD",
    "OMR",
    "PAB",
    "PEN",
    "PGK",
    "PHP",
    "PKR",
    "PLN",
    "PYG",
    "QAR",
    "RON",
    "RSD",
    "RUB",
    "RWF",
    "SAR",
    "SBD",
    "SCR",
    "SEK",
    "SGD",
    "SHP",
    "SLE",
    "SOS",
    "SRD",
    "STD",
    "SZL",
    "THB",
    "TJS",
    "TND",
    "TOP",
    "TRY",
    "TTD",
    "TWD",
    "TZS",
    "UAH",
    "UGX",
    "USD",
    "UYU",
    "UZS",
    "VND",
    "VUV",
    "WST",
    "XAF",
    "XCD",
    "XCG",
    "XOF",
    "XPF",
    "YER",
    "ZAR",
    "ZMW",
]
LOCALES = ["en", "en-gb", "de", "fr", "de-ch", "ja", "ar", "hi", "pt-br", "he", "sv"]
SPACES = re.compile(r"[\s\xa0\u202f\u200e\u200f\u061c]")


def without_spaces(text: str) -> str:
    """Remove spaces and direction marks, which CLDR leaves to the program."""
    return SPACES.sub("", text)


@pytest.mark.parametrize("language", LOCALES)
def test_amount_format_matches_cldr(language: str) -> None:
    locale = Locale.parse(translation.to_locale(language))
    with translation.override(language):
        for code in STRIPE_CURRENCIES:
            # Whole numbers both in Stripe's minor unit and with CLDR's decimals.
            for amount in (0, 100_000, 123_456_000, -7_000):
                shown = format_money(amount, code.lower())
                cldr = format_currency(to_major(amount, code), code, locale=locale)
                assert without_spaces(shown) == without_spaces(cldr.replace("-", "−")), (
                    f"{code} in {language}"
                )


@pytest.mark.parametrize("language", LOCALES)
def test_currency_letters_and_digits_are_separated(language: str) -> None:
    with translation.override(language):
        for code in STRIPE_CURRENCIES:
            shown = format_money(1_234_500, code.lower())
            assert not re.search(r"[^\W\d_]\d|\d[^\W\d_]", shown), f"{shown!r} in {language}"


def test_every_minor_unit_is_shown() -> None:
    """Currencies without a coin of this value are no exception."""
    for code in STRIPE_CURRENCIES:
        digits = re.sub(r"[^\d.]", "", format_money(123_457, code.lower()).replace(",", "")).strip(".")
        assert Decimal(digits) == to_major(123_457, code), code


def test_minor_units_match_stripe() -> None:
    """Stripe's decimals that differ from CLDR's: https://docs.stripe.com/currencies#zero-decimal"""
    special = {code for code in STRIPE_CURRENCIES if decimals(code) != get_currency_precision(code)}
    counted_in_hundredths = {
        code for code in special if decimals(code) == 2 and get_currency_precision(code) == 0
    }
    assert special == counted_in_hundredths | {code for code in special if code.lower() in ZERO_DECIMAL}
    assert {"ISK", "UGX"} <= counted_in_hundredths
    assert {code.upper() for code in ZERO_DECIMAL | THREE_DECIMAL} <= set(STRIPE_CURRENCIES)


@pytest.mark.parametrize(("language", "shown"), [("en", "USD\xa09.00"), ("de", "9,00\xa0USD")])
def test_currency_format_code_shows_codes(language: str, shown: str, settings: Any) -> None:
    settings.CURRENCY_FORMAT = "code"
    with translation.override(language):
        assert format_money(900, "usd") == shown


def test_formatted_amount_can_be_parsed() -> None:
    with translation.override("de"):
        text = format_money(123_456_789, "eur").replace("\xa0€", "")
    assert parse_decimal(text, locale="de") == Decimal("1234567.89")
