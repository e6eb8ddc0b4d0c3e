"""Fields of Stripe's that hold an object's id, or the object itself when asked for. https://docs.stripe.com/expand"""

from collections.abc import Mapping
from typing import Any

from apps.ecommerce.stripe_api.client import StripeData


def object_id(value: Any) -> str:
    """The id, expanded or not; "" for nothing."""
    return value if isinstance(value, str) else value["id"] if value else ""


def expanded(value: Any) -> StripeData | None:
    """The object, or None for a bare id or nothing."""
    return value if isinstance(value, Mapping) else None
