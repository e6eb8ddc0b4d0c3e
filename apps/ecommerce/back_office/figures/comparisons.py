"""Describe how a figure has changed since the previous period."""

from dataclasses import dataclass

from babel import Locale
from babel.numbers import format_decimal, format_percent
from django.utils.translation import get_language, to_locale
from django.utils.translation import gettext as _

ARROWS = {1: "▲", -1: "▼"}


@dataclass(frozen=True, slots=True)
class Comparison:
    text: str
    arrow: str = ""
    spoken: str = ""  # the arrow as text, for screen readers


def compare(now: float, before: float, *, without: str) -> Comparison:
    """Compare two amounts or numbers. `without` is the text if there was nothing before."""
    if not before:
        return Comparison(without)
    if now == before:
        return Comparison(_("the same as before"))
    if before < 0:
        return _build_comparison(now - before, "")  # a percentage of a loss is meaningless
    return _build_comparison(now - before, percent((now - before) / before))


def compare_rates(now: float | None, before: float | None, *, without: str) -> Comparison:
    """Compare two percentages. Their difference is in percentage points."""
    if before is None or now is None:
        return Comparison(without)
    points = round((now - before) * 100, 1)
    if not points:
        return Comparison(_("the same as before"))
    number = format_decimal(abs(points), format="0.#", locale=_locale())
    return _build_comparison(points, _("%(number)s points") % {"number": number})


def number(value: float) -> str:
    return str(format_decimal(value, locale=_locale()))


def percent(rate: float) -> str:
    """Return "12%", without a sign; with one decimal below 10%."""
    rate = abs(rate)
    if 0 < rate < 0.0005:
        return _("less than %(percent)s") % {
            "percent": format_percent(0.001, format="0.#%", locale=_locale())
        }
    pattern = Locale.parse(to_locale(get_language() or "en")).percent_formats[None].pattern
    return str(
        format_percent(
            rate, format=pattern.replace("0", "0.#") if rate < 0.0995 else pattern, locale=_locale()
        )
    )


def _build_comparison(difference: float, text: str) -> Comparison:
    is_more = difference > 0
    spoken = _("more than before") if is_more else _("less than before")
    return Comparison(text, ARROWS[1 if is_more else -1], spoken)


def _locale() -> Locale:
    return Locale.parse(to_locale(get_language() or "en"))
