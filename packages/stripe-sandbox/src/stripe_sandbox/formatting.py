"""Format amounts, dates and billing intervals as text."""

import datetime
from decimal import Decimal
from urllib.parse import urlsplit

from babel.dates import format_date
from babel.numbers import format_currency, get_currency_precision
from django.conf import settings

from .storage import Obj

# Stripe uses two decimals for these, although they have no minor unit: https://docs.stripe.com/currencies#special-cases
_TWO_DECIMALS = {"ISK", "UGX"}

_LOCALES = {"en": "en_US", "de": "de_DE", "fr": "fr_FR"}


def format_money(amount: int, currency: str, language: str = "en") -> str:
    """Format an amount in minor units: (900, "usd") is "$9.00", (500, "jpy") is "¥500"."""
    code = currency.upper()
    return format_currency(amount / 10 ** count_decimals(code), code, locale=_LOCALES[language])


def format_major_units(amount: int, currency: str) -> str:
    decimals = count_decimals(currency)
    return f"{amount / 10**decimals:.{decimals}f}"


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
    return 2 if code in _TWO_DECIMALS else get_currency_precision(code)
