"""Read ids from the objects of events, which may be incomplete or of another version of the API."""

from collections.abc import Mapping
from typing import Any

MAX_ID_LENGTH = 255


class InvalidEvent(Exception):
    pass


def get_id(value: Any, name: str) -> str:
    """Return the id of an object, or of an expandable field. Raise InvalidEvent if it has none."""
    found = value.get("id") if isinstance(value, Mapping) else value
    if not is_text(found, MAX_ID_LENGTH):
        raise InvalidEvent(f"the {name} has no id")
    return str(found)


def is_text(value: Any, max_length: int) -> bool:
    return isinstance(value, str) and 0 < len(value) <= max_length
