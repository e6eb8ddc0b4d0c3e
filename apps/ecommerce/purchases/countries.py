"""Countries in the current language."""

import re
import unicodedata
from functools import cache

from babel import Locale
from django.utils.translation import get_language, to_locale


def country_name(code: str) -> str:
    return _country_names(get_language() or "en").get(code, code)


def country_choices() -> list[tuple[str, str]]:
    """Return (code, name) sorted by name."""
    names = _country_names(get_language() or "en")
    return sorted(names.items(), key=lambda row: unicodedata.normalize("NFKD", row[1]))


@cache
def _country_names(language: str) -> dict[str, str]:
    names = {str(code): str(name) for code, name in Locale.parse(to_locale(language)).territories.items()}
    # Stripe knows neither the groups and placeholders nor the islands that are parts of other countries.
    is_country = re.compile("(?!CP|CQ|DG|EA|EU|EZ|IC|QO|UN|XA|XB|ZZ)[A-Z]{2}").fullmatch
    return {code: name for code, name in names.items() if is_country(code)}
