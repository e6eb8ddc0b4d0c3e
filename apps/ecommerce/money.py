"""Where money is formatted. Amounts are integers in the currency's minor unit, as Stripe counts them.

https://docs.stripe.com/currencies
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING

from babel import Locale
from babel.numbers import format_currency, get_currency_precision, get_currency_symbol
from django.conf import settings
from django.utils.translation import get_language, gettext, ngettext, to_locale

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .models import Price

# https://docs.stripe.com/currencies#zero-decimal and #three-decimal. ISK and UGX have no minor unit in daily
# life, but Stripe's API counts them in hundredths; so does everything that is in neither table.
ZERO_DECIMAL = frozenset(
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"]
)
THREE_DECIMAL = frozenset(["bhd", "jod", "kwd", "omr", "tnd"])

MONTHS_PER_YEAR = 12


def decimals(currency: str) -> int:
    """How many digits of Stripe's integer are behind the point."""
    code = currency.lower()
    return 0 if code in ZERO_DECIMAL else 3 if code in THREE_DECIMAL else 2


def to_major(amount: int, currency: str) -> Decimal:
    """1999, "usd" ▶ Decimal("19.99"); 500, "jpy" ▶ Decimal("500")."""
    return Decimal(amount).scaleb(-decimals(currency))


def format_money(amount: int, currency: str, *, short: bool = False) -> str:
    """Minor units and ISO code ▶ "$19.99" in the language in use. `short` drops an empty fraction: "$9"."""
    return _formatted(amount, currency.upper(), short, get_language() or "en", settings.CURRENCY_FORMAT)


def price_label(price: Price) -> str:
    """What a price costs, short: "$9", "$9 / month", "$25 / 3 months", "Free"."""
    if price.unit_amount is None:
        return gettext("Price on request")
    if price.unit_amount == 0 and not price.is_recurring:
        return gettext("Free")
    amount = format_money(price.unit_amount, price.currency, short=True)
    if not price.is_recurring:
        return amount
    return gettext("%(amount)s / %(period)s") % {
        "amount": amount,
        "period": period(price.interval, price.interval_count),
    }


def product_label(prices: Sequence[Price]) -> str:
    """One line for a product's card: its only price, or "From" the cheapest of them."""
    if not prices:
        return gettext("Not for sale")
    lowest = cheapest(prices)
    label = price_label(lowest)
    several = len({(price.unit_amount, price.interval, price.interval_count) for price in prices}) > 1
    return gettext("From %(price)s") % {"price": label} if several and lowest.unit_amount else label


def cheapest(prices: Sequence[Price]) -> Price:
    """The lowest price in the currency of the first, which is the product's default price."""
    return min(
        (price for price in prices if price.currency == prices[0].currency), key=lambda p: p.unit_amount or 0
    )


def period(interval: str, count: int) -> str:
    """ "month", 1 ▶ "month"; "month", 3 ▶ "3 months"."""
    words = {
        "day": ngettext("day", "%(count)d days", count),
        "week": ngettext("week", "%(count)d weeks", count),
        "month": ngettext("month", "%(count)d months", count),
        "year": ngettext("year", "%(count)d years", count),
    }
    return words[interval] % {"count": count} if interval in words else interval


def months_free(price: Price, prices: Sequence[Price]) -> int:
    """Whole months that a yearly price saves against the monthly one in the same currency; 0 if none."""
    monthly = next(
        (p for p in prices if (p.interval, p.interval_count, p.currency) == ("month", 1, price.currency)),
        None,
    )
    if (price.interval, price.interval_count) != ("year", 1) or not monthly or not monthly.unit_amount:
        return 0
    return max(MONTHS_PER_YEAR - -(-(price.unit_amount or 0) // monthly.unit_amount), 0)


@lru_cache(maxsize=10_000)
def _formatted(amount: int, code: str, short: bool, language: str, currency_format: str) -> str:
    value = to_major(amount, code)
    places = get_currency_precision(code)
    if value != round(value, places):
        places = decimals(code)  # never round money away
    if short and value == value.to_integral_value():
        places = 0
    locale = Locale.parse(to_locale(language))
    pattern = _pattern(locale, code, places, currency_format)
    text: str = format_currency(value, code, format=pattern, locale=locale, currency_digits=False)
    return text


def _pattern(locale: Locale, code: str, places: int, currency_format: str) -> str:
    """CLDR's currency pattern with that many decimals, and its gap between letters and digits.

    https://unicode.org/reports/tr35/tr35-numbers.html#Currencies (currencySpacing)
    """
    pattern: str = locale.currency_formats["standard"].pattern
    pattern = re.sub(r"0\.0+", "0" + ("." + "0" * places if places else ""), pattern)
    symbol = get_currency_symbol(code, locale=locale)
    if currency_format == "code":
        pattern, symbol = pattern.replace("¤", "¤¤"), code
    if symbol[-1:].isalpha():
        pattern = re.sub(r"¤(?=[#0])", "¤\xa0", pattern)
    if symbol[:1].isalpha():
        pattern = re.sub(r"(?<=[#0])¤", "\xa0¤", pattern)
    return pattern
