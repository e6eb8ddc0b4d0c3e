"""Remove from Stripe's JSON what databases can't store.

PostgreSQL refuses NUL characters and NaN, drivers can't encode surrogates, SQLite refuses a thousand levels.
https://www.postgresql.org/docs/current/datatype-json.html
"""

from __future__ import annotations

import math
import re
from typing import Any

MAX_LEVELS = 100  # Stripe's own objects have about ten
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
UNSTORABLE = re.compile("[\0\ud800-\udfff]")
# How they look in JSON. Few texts have one of them, and only those are cleaned.
SUSPICIOUS = re.compile(r"\\u(?:0000|[dD][89a-fA-F])|NaN|Infinity|\d[eE]\+?\d{3}")


def storable(data: Any, text: str) -> Any:
    """Return the data, which was parsed from the text, without what can't be stored."""
    if SUSPICIOUS.search(text) or text.count("{") + text.count("[") > MAX_LEVELS:
        return _clean(data, MAX_LEVELS)
    return data


def storable_text(text: str) -> str:
    return UNSTORABLE.sub(REPLACEMENT, text)


def _clean(value: Any, levels: int) -> Any:
    if isinstance(value, str):
        return storable_text(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if not isinstance(value, dict | list):
        return value
    if not levels:
        return None
    if isinstance(value, list):
        return [_clean(item, levels - 1) for item in value]
    return {storable_text(key): _clean(item, levels - 1) for key, item in value.items()}
