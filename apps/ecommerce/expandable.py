"""Fields of Stripe's that hold an object's id, or the object itself when asked for. https://docs.stripe.com/expand"""

from typing import Any


def object_id(value: Any) -> str:
    """The id, expanded or not; "" for nothing."""
    return value if isinstance(value, str) else value.id if value else ""


def expanded(value: Any, kind: type[Any]) -> Any:
    """The object of that class, or None for a bare id or nothing."""
    return value if isinstance(value, kind) else None
