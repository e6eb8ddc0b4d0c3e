"""The only module that creates a Stripe client. https://docs.stripe.com/sdks/server-side

Responses are read as plain data: the SDK needs more time to build its objects than the store needs to use the data.
"""

import logging
import math
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, TypeAlias
from urllib.parse import quote_plus

import stripe
from django.conf import settings
from django.utils.module_loading import import_string

from apps.core.read_only import ReadOnly, is_read_only
from apps.ecommerce.stripe_api.transport import DeadlineClient

logger = logging.getLogger(__name__)

StripeData: TypeAlias = Mapping[str, Any]  # a parsed object of Stripe's API

MAX_ID_LENGTH = 255
MAX_PAGE_SIZE = 100
MAX_NETWORK_RETRIES = 2  # after connection errors, 409 and 5xx; the SDK repeats the idempotency key
KEY_PREFIXES = ("sk_test_", "rk_test_", "sk_live_", "rk_live_")

# PostgreSQL can't store NUL characters and NaN, drivers can't encode lone surrogates, SQLite limits nested JSON.
# https://www.postgresql.org/docs/current/datatype-json.html
MAX_JSON_LEVELS = 100  # Stripe's objects have about ten
UNSTORABLE = re.compile("[\0\ud800-\udfff]")
UNSTORABLE_JSON = re.compile(r"\\u(?:0000|[dD][89a-fA-F])|NaN|Infinity|\d[eE]\+?\d{3}")

stripe.enable_telemetry = False  # telemetry writes a file into the home directory


class InvalidEvent(Exception):
    """The object of an event is incomplete, or of another version of the API."""


def get_client() -> stripe.StripeClient:
    """Return the client for the current settings. Raise stripe.AuthenticationError without a usable key."""
    if is_read_only():
        raise ReadOnly
    key = settings.STRIPE_SECRET_KEY
    if not key.startswith(KEY_PREFIXES):
        problem = "is not a secret key of Stripe's" if key else "is not set"
        raise stripe.AuthenticationError(f"STRIPE_SECRET_KEY {problem}; a test key begins with sk_test_.")
    return _client(key, settings.STRIPE_API_BASE, settings.STRIPE_HTTP_CLIENT)


def fetch(kind: str, key: str = "", **params: Any) -> StripeData:
    """Return an object, `fetch("products", "prod_1")`, or one page of a list. Raise stripe.StripeError."""
    path = f"/v1/{kind}/{quote_plus(key)}" if key else f"/v1/{kind}"
    response = get_client().raw_request("get", path, **params)
    data: StripeData = clean_json(response.data, response.body)
    return data


def fetch_or_none(kind: str, key: str | None, **params: Any) -> StripeData | None:
    """Return the object; None without a key, or if this Stripe account has no such object."""
    try:
        return fetch(kind, key, **params) if key else None
    except stripe.InvalidRequestError as error:
        if not is_missing(error):
            raise
        logger.warning("Stripe has no %s %s. Was it created with another account's key?", kind, key)
        return None


def fetch_pages(kind: str, **params: Any) -> Iterator[list[StripeData]]:
    """Yield all pages of a list. https://docs.stripe.com/api/pagination"""
    page = fetch(kind, limit=MAX_PAGE_SIZE, **params)
    while rows := page["data"]:
        yield rows
        if not page["has_more"]:
            return
        page = fetch(kind, limit=MAX_PAGE_SIZE, starting_after=rows[-1]["id"], **params)


def expire_session(session_id: str) -> None:
    """Expire a Checkout Session, so that it can't be paid. https://docs.stripe.com/api/checkout/sessions/expire"""
    try:
        get_client().v1.checkout.sessions.expire(session_id)
    except stripe.InvalidRequestError as error:  # the session was already paid or expired
        logger.info("Session %s could not be expired: %s", session_id, error)


def is_missing(error: stripe.InvalidRequestError) -> bool:
    return error.code == "resource_missing"


def object_id(value: Any) -> str:
    """Return the id of an expandable field, expanded or not; "" if it is empty. https://docs.stripe.com/expand"""
    return value if isinstance(value, str) else value["id"] if value else ""


def expanded(value: Any) -> StripeData | None:
    """Return the object of an expandable field; None for an id or an empty field."""
    return value if isinstance(value, Mapping) else None


def get_id(value: Any, name: str) -> str:
    """Return the id of an event's object, or of an expandable field of it. Raise InvalidEvent if it has none."""
    found = value.get("id") if isinstance(value, Mapping) else value
    if not is_text(found, MAX_ID_LENGTH):
        raise InvalidEvent(f"the {name} has no id")
    return str(found)


def is_text(value: Any, max_length: int) -> bool:
    return isinstance(value, str) and 0 < len(value) <= max_length


def is_livemode() -> bool:
    """Return whether the store charges real money. Purchases in test mode have no access in live mode."""
    return str(settings.STRIPE_SECRET_KEY).startswith(("sk_live_", "rk_live_"))


def clean_json(data: Any, text: str) -> Any:
    """Return the data, parsed from a JSON text, without what databases can't store."""
    if UNSTORABLE_JSON.search(text) or text.count("{") + text.count("[") > MAX_JSON_LEVELS:
        return _clean(data, MAX_JSON_LEVELS)
    return data


def clean_text(text: str) -> str:
    return UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text)


@lru_cache(maxsize=8)
def _client(key: str, api_base: str, http_client: str) -> stripe.StripeClient:
    return stripe.StripeClient(
        key,
        http_client=import_string(http_client)() if http_client else DeadlineClient(),
        max_network_retries=MAX_NETWORK_RETRIES,
        base_addresses={"api": api_base.rstrip("/")} if api_base else {},
    )


def _clean(value: Any, levels: int) -> Any:
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if not isinstance(value, dict | list):
        return value
    if not levels:
        return None
    if isinstance(value, list):
        return [_clean(item, levels - 1) for item in value]
    return {clean_text(key): _clean(item, levels - 1) for key, item in value.items()}
