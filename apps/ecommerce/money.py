"""Format money. Amounts are integers in the currency's minor unit, as at Stripe. https://docs.stripe.com/currencies"""

import re
from decimal import Decimal
from functools import lru_cache

from babel import Locale
from babel.numbers import format_currency, get_currency_precision, get_currency_symbol
from django.conf import settings
from django.utils.translation import get_language, ngettext, to_locale

# https://docs.stripe.com/currencies#zero-decimal and #three-decimal. All others have two decimals, also ISK and UGX.
ZERO_DECIMAL = frozenset(
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"]
)
THREE_DECIMAL = frozenset(["bhd", "jod", "kwd", "omr", "tnd"])
# Amounts must be multiples of these. https://docs.stripe.com/currencies#three-decimal and #special-cases
CHARGE_STEPS = dict.fromkeys(THREE_DECIMAL, 10) | {"isk": 100, "ugx": 100}
# Smallest charges in minor units. In other currencies they depend on the account's settlement currency.
# https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts
# fmt: off
MIN_CHARGES = {
    "usd": 50, "aed": 200, "aud": 50, "bgn": 100, "brl": 50, "cad": 50, "chf": 50, "czk": 1500, "dkk": 250, "eur": 50,
    "gbp": 30, "hkd": 400, "huf": 17500, "inr": 50, "jpy": 50, "mxn": 1000, "myr": 200, "nok": 300, "nzd": 50,
    "pln": 200, "ron": 200, "sek": 300, "sgd": 50, "thb": 1000,
}
# fmt: on


def decimals(currency: str) -> int:
    code = currency.lower()
    return 0 if code in ZERO_DECIMAL else 3 if code in THREE_DECIMAL else 2


def is_chargeable(amount: int | None, currency: str) -> bool:
    """Return whether Stripe charges the amount: nothing, or at least the smallest charge of the currency."""
    if amount is None or has_uncharged_fraction(amount, currency):
        return False
    return amount == 0 or amount >= MIN_CHARGES.get(currency, 1)


def has_uncharged_fraction(amount: int, currency: str) -> bool:
    """Return whether the amount has a fraction that Stripe does not charge: 5.125 dinars or 10.50 krónur."""
    return amount % CHARGE_STEPS.get(currency, 1) != 0


def to_major(amount: int, currency: str) -> Decimal:
    """Return 1999, "usd" as Decimal("19.99") and 500, "jpy" as Decimal("500")."""
    return Decimal(amount).scaleb(-decimals(currency))


def format_money(amount: int, currency: str, *, short: bool = False) -> str:
    """Return "$19.99" in the current language. `short` leaves out a fraction of zero: "$9"."""
    return _format(amount, currency.upper(), short, get_language() or "en", settings.CURRENCY_FORMAT)


def format_period(interval: str, count: int) -> str:
    labels = {
        "day": ngettext("day", "%(count)d days", count),
        "week": ngettext("week", "%(count)d weeks", count),
        "month": ngettext("month", "%(count)d months", count),
        "year": ngettext("year", "%(count)d years", count),
    }
    return labels[interval] % {"count": count} if interval in labels else interval


@lru_cache(maxsize=10_000)  # Babel is as slow as a database query
def _format(amount: int, code: str, short: bool, language: str, currency_format: str) -> str:
    value = to_major(amount, code)
    places = get_currency_precision(code)
    if value != round(value, places):
        places = decimals(code)  # never round an amount
    if short and value == value.to_integral_value():
        places = 0
    locale = Locale.parse(to_locale(language))
    pattern = _currency_pattern(locale, code, places, currency_format)
    text = str(format_currency(value, code, format=pattern, locale=locale, currency_digits=False))
    return text.replace("-", "−")  # the minus sign that templates print


def _currency_pattern(locale: Locale, code: str, places: int, currency_format: str) -> str:
    """Return CLDR's currency pattern with `places` decimals, and with a space between letters and digits.

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
