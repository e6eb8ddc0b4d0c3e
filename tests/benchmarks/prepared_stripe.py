"""Stripe responses from memory, for any SDK version, so that only the store's work is measured.

It serves lists of products and prices, and Checkout Sessions. A session "cs_test_open…" is unpaid until a file of that
name exists; others are paid. Each retrieved product has a new description. This module imports nothing of the project,
because dj-stripe's environment also loads it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from itertools import count
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import stripe

OBJECTS = int(os.environ.get("PREPARED_OBJECTS") or 10_000)
PAID = os.path.join(os.environ.get("VAR_DIR", ""), "paid")  # files named after sessions
CREATED = 1_780_000_000
_editions = count(1)


class PreparedStripe(stripe.HTTPClient):
    name: ClassVar[str] = "prepared"

    def request(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None, **_: Any
    ) -> tuple[str, int, Mapping[str, str]]:
        parts = urlsplit(url)
        path = parts.path.removeprefix("/v1/").strip("/")
        if path == "account":
            answer: dict[str, Any] = ACCOUNT
        elif path in LIST_OBJECTS:
            answer = _page(path, parse_qs(parts.query))
        elif path.startswith("checkout/sessions/"):
            answer = session(path.rpartition("/")[2])
        elif path.count("/") == 1:
            kind, _, name = path.partition("/")
            answer = RETRIEVED_OBJECTS[kind](int(name.rpartition("_")[2]))
        else:
            answer = {"object": "list", "url": f"/v1/{path}", "has_more": False, "data": []}
        return json.dumps(answer), 200, {"Request-Id": "req_prepared"}

    def close(self) -> None:
        """Do nothing, because no connection is open."""


def product(number: int) -> dict[str, Any]:
    return {
        "id": f"prod_{number}",
        "object": "product",
        "active": True,
        "created": CREATED,
        "default_price": f"price_{number}",
        "description": f"All about thing {number}, in a sentence or two.",
        "images": [],
        "livemode": False,
        "marketing_features": [],
        "metadata": {"tagline": "A good thing."},
        "name": f"Thing {number}",
        "package_dimensions": None,
        "shippable": None,
        "statement_descriptor": None,
        "tax_code": None,
        "type": "service",
        "unit_label": None,
        "updated": CREATED,
        "url": None,
    }


def changed_product(number: int) -> dict[str, Any]:
    edition = next(_editions)
    return product(number) | {"description": f"Edition {edition}", "updated": CREATED + edition}


def price(number: int) -> dict[str, Any]:
    return {
        "id": f"price_{number}",
        "object": "price",
        "active": True,
        "billing_scheme": "per_unit",
        "created": CREATED,
        "currency": "usd",
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": None,
        "metadata": {},
        "nickname": None,
        "product": f"prod_{number}",
        "recurring": None,
        "tax_behavior": "unspecified",
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "one_time",
        "unit_amount": 900,
        "unit_amount_decimal": "900",
    }


def session(name: str) -> dict[str, Any]:
    """Return a Checkout Session with the fields that decide a purchase."""
    is_open = name.startswith("cs_test_open") and not os.path.exists(os.path.join(PAID, name))
    return {
        "id": name,
        "object": "checkout.session",
        "status": "open" if is_open else "complete",
        "payment_status": "unpaid" if is_open else "paid",
        "mode": "payment",
        "livemode": False,
        "created": CREATED,
        "currency": "usd",
        "amount_subtotal": 900,
        "amount_total": 900,
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "url": f"https://checkout.stripe.com/c/pay/{name}" if is_open else None,
        "customer": None,
        "client_reference_id": None,
        "metadata": {},
        "invoice": None,
        "subscription": None,
        "payment_intent": None if is_open else _intent(name),
    }


def _intent(name: str) -> dict[str, Any]:
    charge = {
        "id": f"ch_{name}",
        "object": "charge",
        "status": "succeeded",
        "amount": 900,
        "amount_captured": 900,
        "amount_refunded": 0,
        "disputed": False,
        "receipt_url": f"https://pay.stripe.com/receipts/{name}",
        "payment_method_details": {"type": "card", "card": {"brand": "visa", "last4": "4242"}},
    }
    return {
        "id": f"pi_{name}",
        "object": "payment_intent",
        "status": "succeeded",
        "amount": 900,
        "latest_charge": charge,
        "last_payment_error": None,
    }


LIST_OBJECTS = {"products": product, "prices": price}
RETRIEVED_OBJECTS = {"products": changed_product, "prices": price}
ACCOUNT = {"id": "acct_1", "object": "account", "type": "standard", "created": CREATED, "metadata": {}}


def _page(kind: str, query: Mapping[str, list[str]]) -> dict[str, Any]:
    if "product" in query:
        only = LIST_OBJECTS[kind](int(query["product"][0].rpartition("_")[2]))
        if "expand[0]" in query:
            only = {**only, "product": changed_product(int(only["product"].rpartition("_")[2]))}
        return {"object": "list", "url": f"/v1/{kind}", "has_more": False, "data": [only]}
    limit = int(query.get("limit", ["10"])[0])
    after = query.get("starting_after", ["_-1"])[0]
    first = int(after.rpartition("_")[2]) + 1
    numbers = range(first, min(first + limit, OBJECTS))
    return {
        "object": "list",
        "url": f"/v1/{kind}",
        "has_more": numbers.stop < OBJECTS,
        "data": [LIST_OBJECTS[kind](number) for number in numbers],
    }
