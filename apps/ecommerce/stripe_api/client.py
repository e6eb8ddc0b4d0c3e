"""The only place that makes a Stripe client. https://docs.stripe.com/sdks/server-side

What is read of Stripe is read as plain data, the same that an event carries: of a page of a hundred prices the SDK
would make ten thousand objects, which takes longer than all that the store does with them.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, TypeAlias
from urllib.parse import quote_plus

import stripe
from django.conf import settings
from django.utils.module_loading import import_string

from apps.ecommerce.storable import storable
from apps.ecommerce.stripe_api.transport import PatientClient

StripeData: TypeAlias = Mapping[str, Any]  # an object of Stripe's API, as JSON has it

PAGE = 100  # the most that Stripe gives at once
NETWORK_RETRIES = 2  # connection errors, 409 and 5xx; the SDK repeats the same idempotency key
KEY_PREFIXES = ("sk_test_", "rk_test_", "sk_live_", "rk_live_")

stripe.enable_telemetry = False  # it would write a file into the operator's home


def get_client() -> stripe.StripeClient:
    """The client for the settings of now. Safe to share between threads.

    Raises stripe.AuthenticationError, with words for a person, when there is no key.
    """
    key = settings.STRIPE_SECRET_KEY
    if not key.startswith(KEY_PREFIXES):
        fault = "is not a secret key of Stripe's" if key else "is not set"
        raise stripe.AuthenticationError(f"STRIPE_SECRET_KEY {fault}; a test key begins with sk_test_.")
    return _client(key, settings.STRIPE_API_BASE, settings.STRIPE_HTTP_CLIENT)


def read(kind: str, key: str = "", **params: Any) -> StripeData:
    """One object: `read("products", "prod_1")`. Raises stripe.StripeError. https://docs.stripe.com/api"""
    path = f"/v1/{kind}/{quote_plus(key)}" if key else f"/v1/{kind}"
    response = get_client().raw_request("get", path, **params)
    answer: StripeData = storable(response.data, response.body)
    return answer


def read_or_none(kind: str, key: str, **params: Any) -> StripeData | None:
    """Return what `read` does, or None if this Stripe account has no such object."""
    try:
        return read(kind, key, **params)
    except stripe.InvalidRequestError as error:
        if not is_missing(error):
            raise
        return None


def is_missing(error: stripe.InvalidRequestError) -> bool:
    """Return whether Stripe refused because the object does not exist. https://docs.stripe.com/error-codes"""
    return error.code == "resource_missing"


def read_pages(kind: str, **params: Any) -> Iterator[list[StripeData]]:
    """A whole list, up to PAGE objects at a time. https://docs.stripe.com/api/pagination"""
    page = read(kind, limit=PAGE, **params)
    while rows := page["data"]:
        yield rows
        if not page["has_more"]:
            return
        page = read(kind, limit=PAGE, starting_after=rows[-1]["id"], **params)


def livemode() -> bool:
    """Whether the store sells for real money: what was bought in test mode opens nothing in live mode."""
    return str(settings.STRIPE_SECRET_KEY).startswith(("sk_live_", "rk_live_"))


@lru_cache(maxsize=8)
def _client(key: str, api_base: str, http_client: str) -> stripe.StripeClient:
    transport = import_string(http_client)() if http_client else PatientClient()
    return stripe.StripeClient(
        key,
        http_client=transport,
        max_network_retries=NETWORK_RETRIES,
        base_addresses={"api": api_base.rstrip("/")} if api_base else {},
    )
