"""The longest texts and lists that Stripe accepts. Most limits are in the SDK's descriptions of parameters."""

import re
from collections.abc import Iterator
from typing import Any

from . import errors

MAX_TEXT_LENGTH = 5000
# resource.parameter or the end of a nested parameter's name ▶ the largest number of characters
_TEXTS = {
    "products.name": 250,
    "product_data.name": 250,
    "products.description": 40000,
    "product_data.description": 40000,
    "marketing_features.name": 80,
    "unit_label": 12,
    "lookup_key": 200,
    "statement_descriptor": 22,
    "statement_descriptor_suffix": 22,
    "customers.name": 256,
    "customers.phone": 20,
    "business_name": 150,
    "individual_name": 150,
    "email": 512,
    "customer_email": 800,
    "receipt_email": 800,
    "coupons.name": 40,
    "promotion_codes.code": 500,
    "client_reference_id": 200,
    "payment_intents.description": 1000,
    "payment_intent_data.description": 1000,
    "subscriptions.description": 500,
    "subscription_data.description": 500,
    "invoice_data.description": 1500,
    "custom_fields.key": 200,
    "custom_fields.label.custom": 50,
    "dropdown.options.label": 100,
    "dropdown.options.value": 100,
    "message": 1200,
    "evidence.uncategorized_text": 20000,
    "evidence.access_activity_log": 20000,
    "test_clocks.name": 300,
}
# the same for the largest number of list items
_LISTS = {
    "images": 8,
    "marketing_features": 15,
    "custom_fields": 3,
    "dropdown.options": 200,
    "optional_items": 10,
    "subscriptions.items": 20,
}
_EMAIL_PARAMS = {"email", "customer_email", "receipt_email"}
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_EMAIL = re.compile(
    rf"{_ATOM}(\.{_ATOM})*@([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]*[A-Za-z0-9]"
)
_DESCRIPTOR_PARAMS = {"statement_descriptor", "statement_descriptor_suffix"}
_NOT_IN_DESCRIPTORS = re.compile(r"[<>\\\"'*]")


def check(params: dict[str, Any], path: str) -> None:
    """Raise ApiError for a text or list that is too long, an invalid e-mail address or statement descriptor.

    `path` is the route's path. Metadata is checked in params.py.
    """
    resource = path.removeprefix("/v1/").removesuffix("/{id}").rpartition("/")[2]
    for name, param, value in _walk(params, resource, ""):
        leaf = name.rpartition(".")[2]
        if isinstance(value, list):
            limit = _find(_LISTS, name)
            if limit and len(value) > limit:
                message = f"Invalid array: must have at most {limit} elements, but {len(value)} were given."
                raise errors.ApiError(message, param=param)
            continue
        limit = _find(_TEXTS, name) or MAX_TEXT_LENGTH
        if len(value) > limit:
            shown = f"{value[:10]}...{value[-10:]}"
            raise errors.ApiError(f"Invalid string: {shown}; must be at most {limit} characters", param=param)
        if value and leaf in _EMAIL_PARAMS and not is_email(value):
            raise errors.ApiError(f"Invalid email address: {value}", code="email_invalid", param=param)
        if value and leaf in _DESCRIPTOR_PARAMS:
            _check_descriptor(value, param)


def is_email(text: str) -> bool:
    return bool(_EMAIL.fullmatch(text))


def _check_descriptor(text: str, param: str) -> None:
    if _NOT_IN_DESCRIPTORS.search(text):
        message = "The statement descriptor contains invalid characters. It may not include < > \\ \" ' *."
        raise errors.ApiError(message, code="invalid_characters", param=param)
    if not re.search("[A-Za-z]", text):
        message = "The statement descriptor must contain at least one alphabetic character."
        raise errors.ApiError(message, param=param)


def _walk(value: Any, name: str, param: str) -> Iterator[tuple[str, str, Any]]:
    """Yield (dotted name without list indexes, parameter, value) of each text and list."""
    if isinstance(value, dict):
        for key, nested in value.items():
            if key != "metadata":
                yield from _walk(nested, f"{name}.{key}", f"{param}[{key}]" if param else key)
    elif isinstance(value, list):
        yield name, param, value
        for index, nested in enumerate(value):
            yield from _walk(nested, name, f"{param}[{index}]")
    elif isinstance(value, str):
        yield name, param, value


def _find(limits: dict[str, int], name: str) -> int | None:
    """Return the limit of the longest matching end of a name: of a.b.c, then of b.c, then of c."""
    while name:
        if name in limits:
            return limits[name]
        name = name.partition(".")[2]
    return None
