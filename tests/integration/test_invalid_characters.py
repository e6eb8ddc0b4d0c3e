"""Stripe's responses are stored without characters that a database refuses."""

from __future__ import annotations

from typing import Any

import pytest
import stripe
from django.test import Client
from django.utils import timezone

from apps.ecommerce.catalogue.sync import sync_catalogue
from apps.ecommerce.models import Product, ProductConfiguration, Purchase
from stripe_sandbox.transport import InProcessClient
from tests.factories import buy
from tests.faulty_stripe import FAULTS, Fault, faulty_stripe
from tests.integration.test_webhook_endpoint import NULL_BYTE
from tests.signed_events import deliver

pytestmark = pytest.mark.django_db


def test_null_bytes_are_removed_from_the_catalogue(
    icons: ProductConfiguration, as_ada: Client, sandbox: Any
) -> None:
    texts = {"name": f"Icon {NULL_BYTE} set", "description": NULL_BYTE, "metadata": {"tagline": NULL_BYTE}}
    sandbox.client.v1.products.update(icons.product_id, texts)
    sandbox.client.v1.prices.update(icons.prices[0].id, {"nickname": NULL_BYTE})
    assert sync_catalogue()
    assert "\0" not in Product.objects.get(pk=icons.product_id).name
    for changed in sandbox.client.v1.events.list({"type": "product.updated"}):
        assert deliver(changed.to_dict(for_json=True)).status_code == 200
    assert as_ada.get("/store/").status_code == 200
    assert buy(as_ada, icons).status == "paid"
    assert Purchase.objects.count() == 1


def test_lone_surrogate_in_a_response_is_removed(
    icons: ProductConfiguration, sandbox: Any, settings: Any
) -> None:
    """The body contains the six characters \ud800."""
    forward = InProcessClient().request

    def request_with_surrogate(method: str, url: str, headers: Any, body: bytes) -> Any:
        answer, status, response_headers = forward(method, url, headers, body)
        return answer.replace('"Icon set"', r'"Icon \ud800\u0000 set"'), status, response_headers

    settings.STRIPE_HTTP_CLIENT = ""
    with faulty_stripe(request_with_surrogate) as server:
        settings.STRIPE_API_BASE = server.address
        sync_catalogue()
    assert Product.objects.get(pk=icons.product_id).name == "Icon \ufffd\ufffd set"


def test_endlessly_nested_response_counts_as_unavailable(
    icons: ProductConfiguration, sandbox: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FAULTS, "nested", Fault(200, "[" * 100_000))
    settings.STRIPE_HTTP_CLIENT = ""
    with faulty_stripe(InProcessClient().request) as server:
        settings.STRIPE_API_BASE = server.address
        server.start_fault("nested")
        with pytest.raises(stripe.APIConnectionError):
            sync_catalogue()
    assert Product.objects.get(pk=icons.product_id).synced_at < timezone.now()
