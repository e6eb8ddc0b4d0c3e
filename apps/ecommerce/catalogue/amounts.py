"""Read amounts as people write them: "19,99", "1.999,00" and "1 999". Amounts are integers in minor units."""

import re

from babel import Locale
from babel.numbers import get_decimal_symbol
from django.utils.translation import get_language, to_locale
from django.utils.translation import gettext as _

from apps.ecommerce.money import decimals, has_uncharged_fraction, to_major

MAX_DIGITS = 8  # https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts
MAX_DIGITS_BY_CURRENCY = {"idr": 12}
SPACES = re.compile(r"[\s'’]")  # separators between groups of three digits
NUMBER = re.compile(r"[0-9]+([.,][0-9]+)*")


class AmountError(ValueError):
    """The message is for the founder."""


def parse_amount(text: str, currency: str) -> int:
    """Return the amount in minor units. Raise AmountError if it is unclear, or not an amount of the currency."""
    number = SPACES.sub("", text)
    if number.startswith(("-", "−")):
        raise AmountError(_("An amount can't be negative."))
    if not (number.isascii() and NUMBER.fullmatch(number)):
        raise AmountError(_("Enter an amount in digits, for example %(example)s.") % {"example": _example()})
    whole, fraction = _split(number, decimals(currency))
    places = decimals(currency)
    if len(fraction.rstrip("0")) > places:
        values = {"currency": currency.upper(), "places": places}
        if not places:
            raise AmountError(_("%(currency)s has no decimal places.") % values)
        raise AmountError(_("%(currency)s has only %(places)d decimal places.") % values)
    amount = int(whole + fraction[:places].ljust(places, "0"))
    limit = int(10 ** MAX_DIGITS_BY_CURRENCY.get(currency, MAX_DIGITS)) - 1
    if amount > limit:
        most = format_amount(limit, currency)
        raise AmountError(_("Stripe charges at most %(amount)s.") % {"amount": f"{most} {currency.upper()}"})
    if has_uncharged_fraction(amount, currency):
        values = {"currency": currency.upper()}
        if places == 3:
            raise AmountError(_("The last digit of an amount in %(currency)s must be 0.") % values)
        raise AmountError(_("%(currency)s has no decimal places.") % values)
    return amount


def format_amount(amount: int, currency: str) -> str:
    """Return 1999, "usd" as "19.99", or "19,99" if the current language writes it so; without groups of digits."""
    return f"{to_major(amount, currency):f}".replace(".", decimal_symbol())


def decimal_symbol() -> str:
    return str(get_decimal_symbol(Locale.parse(to_locale(get_language() or "en"))))


def _split(number: str, places: int) -> tuple[str, str]:
    """Return the digits before and after the decimal symbol. Raise AmountError if it is unclear."""
    symbols = [letter for letter in number if letter in ".,"]
    if not symbols:
        return number, ""
    last = symbols[-1]
    head, _symbol, tail = number.rpartition(last)
    if len(symbols) > 1:
        is_decimal = symbols.count(last) == 1
        group = symbols[0]
        groups = (head if is_decimal else number).split(group)
        if (is_decimal and last in symbols[:-1]) or not _are_groups(groups):
            raise AmountError(
                _("Enter an amount in digits, for example %(example)s.") % {"example": _example()}
            )
        return ("".join(groups), tail) if is_decimal else ("".join(groups), "")
    if last == decimal_symbol() or len(tail) != 3:
        return head, tail
    if places != 3 and _are_groups([head, tail]):
        return head + tail, ""
    raise AmountError(
        _("It is unclear whether this means thousands or decimals. Write it like %(example)s.")
        % {"example": _example()}
    )


def _are_groups(groups: list[str]) -> bool:
    first, *others = groups
    return 1 <= len(first) <= 3 and first != "0" and all(len(group) == 3 for group in others)


def _example() -> str:
    return f"19{decimal_symbol()}99"
