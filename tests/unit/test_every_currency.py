"""Every currency that Stripe takes is shown as CLDR says. https://docs.stripe.com/currencies#presentment-currencies"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from babel import Locale
from babel.numbers import format_currency, get_currency_precision, parse_decimal
from django.utils import translation

from apps.ecommerce.money import THREE_DECIMAL, ZERO_DECIMAL, decimals, format_money, to_major

STRIPES = [
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


def bare(text: str) -> str:
    """Without gaps and direction marks, which CLDR's patterns leave to the program."""
    return SPACES.sub("", text)


@pytest.mark.parametrize("language", LOCALES)
def test_amount_format_matches_cldr(language: str) -> None:
    locale = Locale.parse(translation.to_locale(language))
    with translation.override(language):
        for code in STRIPES:
            # Whole in both counts: Stripe's minor unit, and the digits that are in use where people pay with it.
            for amount in (0, 100_000, 123_456_000, -7_000):
                shown = format_money(amount, code.lower())
                cldr = format_currency(to_major(amount, code), code, locale=locale)
                assert bare(shown) == bare(cldr), f"{code} in {language}"


@pytest.mark.parametrize("language", LOCALES)
def test_currency_letters_and_digits_are_separated(language: str) -> None:
    with translation.override(language):
        for code in STRIPES:
            shown = format_money(1_234_500, code.lower())
            assert not re.search(r"[^\W\d_]\d|\d[^\W\d_]", shown), f"{shown!r} in {language}"


def test_every_minor_unit_is_shown() -> None:
    """Every minor unit of Stripe is shown, also in currencies without such coins."""
    for code in STRIPES:
        digits = re.sub(r"[^\d.]", "", format_money(123_457, code.lower()).replace(",", "")).strip(".")
        assert Decimal(digits) == to_major(123_457, code), code


def test_minor_units_match_stripe() -> None:
    """https://docs.stripe.com/currencies#zero-decimal: where Stripe counts otherwise than CLDR, by name."""
    special = {code for code in STRIPES if decimals(code) != get_currency_precision(code)}
    counted_in_hundredths = {
        code for code in special if decimals(code) == 2 and get_currency_precision(code) == 0
    }
    assert special == counted_in_hundredths | {code for code in special if code.lower() in ZERO_DECIMAL}
    assert {"ISK", "UGX"} <= counted_in_hundredths
    assert {code.upper() for code in ZERO_DECIMAL | THREE_DECIMAL} <= set(STRIPES)


@pytest.mark.parametrize(("language", "shown"), [("en", "USD\xa09.00"), ("de", "9,00\xa0USD")])
def test_a_shop_may_show_codes(language: str, shown: str, settings: Any) -> None:
    settings.CURRENCY_FORMAT = "code"
    with translation.override(language):
        assert format_money(900, "usd") == shown


def test_numbers_can_be_read_back() -> None:
    with translation.override("de"):
        text = format_money(123_456_789, "eur").replace("\xa0€", "")
    assert parse_decimal(text, locale="de") == Decimal("1234567.89")
