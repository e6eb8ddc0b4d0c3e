"""Send events to the webhook as Stripe does."""

from __future__ import annotations

import json
from typing import Any

import stripe
from django.test import Client

SECRET = "whsec_sandbox"


def deliver(
    event: dict[str, Any] | bytes, *, secret: str = SECRET, at: int | None = None, header: str = ""
) -> Any:
    """POST an event with Stripe's signature scheme."""
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    signature = header or stripe.WebhookSignature.generate_signature_header(body.decode(), secret, at)
    client = Client(raise_request_exception=False)
    return client.post(
        "/webhooks/stripe/", body, content_type="application/json", headers={"stripe-signature": signature}
    )


def events(sandbox: Any, kind: str) -> list[dict[str, Any]]:
    found = sandbox.client.v1.events.list({"type": kind, "limit": 100})
    return [event.to_dict(for_json=True) for event in found]
