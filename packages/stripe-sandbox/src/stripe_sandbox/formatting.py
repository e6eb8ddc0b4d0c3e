"""Format amounts, dates and billing intervals as text."""

import datetime
from decimal import Decimal
from urllib.parse import urlsplit

from babel.dates import format_date
from babel.numbers import format_currency, get_currency_precision
from django.conf import settings

from .storage import Obj

# https://docs.stripe.com/currencies#zero-decimal and #three-decimal. All others have two, also where CLDR differs.
_ZERO_DECIMALS = frozenset(
    ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"]
)
_THREE_DECIMALS = frozenset(["BHD", "JOD", "KWD", "OMR", "TND"])

_LOCALES = {"en": "en_US", "de": "de_DE", "fr": "fr_FR"}


def format_money(amount: int, currency: str, language: str = "en") -> str:
    """Format an amount in minor units: (900, "usd") is "$9.00", (500, "jpy") is "¥500"."""
    code = currency.upper()
    value = Decimal(amount).scaleb(-count_decimals(code))
    is_exact = value == round(value, get_currency_precision(code))  # never round an amount
    return format_currency(value, code, locale=_LOCALES[language], currency_digits=is_exact)


def format_major_units(amount: int, currency: str) -> str:
    return f"{Decimal(amount).scaleb(-count_decimals(currency)):f}"


def parse_minor_units(text: str, currency: str) -> int | None:
    """Return "9.00" or "9" in minor units; None if the text is not a number."""
    try:
        return int(Decimal(text.strip()) * 10 ** count_decimals(currency))
    except (ArithmeticError, ValueError):
        return None


def format_interval(recurring: Obj) -> str:
    count = recurring["interval_count"]
    return recurring["interval"] if count == 1 else f"{count} {recurring['interval']}s"


def format_frequency(recurring: Obj) -> str:
    """Return how often a price is charged, as in the description of an invoice line."""
    interval = format_interval(recurring)
    return interval if recurring["interval_count"] == 1 else f"every {interval}"


def date(timestamp: int, language: str = "en") -> str:
    day = datetime.datetime.fromtimestamp(timestamp, datetime.UTC).date()
    return format_date(day, "long", locale=_LOCALES[language])


def local_image(product: Obj) -> str:
    """Return the path of the product's first image, or "": the hosted page loads images from this site only."""
    url = next(iter(product.get("images") or []), "")
    path = url.removeprefix(settings.SITE_URL)
    return path if path.startswith("/") else urlsplit(url).path if "/static/" in url else ""


def count_decimals(currency: str) -> int:
    """Return how many decimals the amounts of a currency have at Stripe. The case of the code does not matter."""
    code = currency.upper()
    return 0 if code in _ZERO_DECIMALS else 3 if code in _THREE_DECIMALS else 2
