"""Signed webhook events, each with its own id."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from itertools import count
from typing import Any

import stripe

from tests.benchmarks import load, prepared_stripe

SECRET = "whsec_bench"
_numbers = count(1)


def balance_available(number: int) -> tuple[str, dict[str, Any]]:
    balance = {"object": "balance", "available": [{"amount": number, "currency": "usd"}], "livemode": False}
    return "balance.available", balance


def product_updated(number: int) -> tuple[str, dict[str, Any]]:
    return "product.updated", prepared_stripe.product(number % 1000)


def checkout_completed(number: int) -> tuple[str, dict[str, Any]]:
    """Return the session of a purchase in the shop (rows.create_purchases); dj-stripe stores the session itself."""
    session = {**prepared_stripe.session(f"cs_test_{number % 1000 + 1}"), "payment_intent": None}
    return "checkout.session.completed", session


KINDS = {
    "recorded, nothing to do": balance_available,
    "a product has changed": product_updated,
    "a checkout was paid": checkout_completed,
}


def signed_requests(
    port: int, path: str, kind: Callable[[int], tuple[str, dict[str, Any]]], number_of_requests: int
) -> list[bytes]:
    """Return HTTP requests with current signatures."""
    return [load.request(port, path, *signed_event(kind)) for _ in range(number_of_requests)]


def session_completed(name: str) -> tuple[bytes, dict[str, str]]:
    """Return body and headers of an event that says this Checkout Session was paid."""
    return signed_event(lambda _number: ("checkout.session.completed", prepared_stripe.session(name)))


def signed_event(kind: Callable[[int], tuple[str, dict[str, Any]]]) -> tuple[bytes, dict[str, str]]:
    """Return body and headers of the next event."""
    number, now = next(_numbers), int(time.time())
    name, data_object = kind(number)
    event = {
        "id": f"evt_{number}",
        "object": "event",
        "api_version": "2026-10-29.dahlia",
        "created": now,
        "data": {"object": data_object},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": name,
    }
    body = json.dumps(event)
    signature = stripe.WebhookSignature.generate_signature_header(body, SECRET, now)
    return body.encode(), {"Content-Type": "application/json", "Stripe-Signature": signature}
