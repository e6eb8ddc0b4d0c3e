"""What Stripe answers is stored without the characters that no database can store."""

from __future__ import annotations

from typing import Any

import pytest
import stripe
from django.test import Client
from django.utils import timezone

from apps.ecommerce.catalogue.sync import sync_catalogue
from apps.ecommerce.models import Product, ProductConfiguration, Purchase
from stripe_sandbox.transport import InProcessClient
from tests.factories import bought
from tests.faulty_stripe import FAULTS, Fault, faulty_stripe
from tests.integration.test_money_news import deliver
from tests.integration.test_webhook_endpoint import NUL

pytestmark = pytest.mark.django_db


def test_catalogue_with_nul_characters_is_sold_without_them(
    icons: ProductConfiguration, as_ada: Client, sandbox: Any
) -> None:
    texts = {"name": f"Icon {NUL} set", "description": NUL, "metadata": {"tagline": NUL}}
    sandbox.client.v1.products.update(icons.product_id, texts)
    sandbox.client.v1.prices.update(icons.prices[0].id, {"nickname": NUL})
    assert sync_catalogue()
    assert "\0" not in Product.objects.get(pk=icons.product_id).name
    for changed in sandbox.client.v1.events.list({"type": "product.updated"}):
        assert deliver(changed.to_dict(for_json=True)).status_code == 200
    assert as_ada.get("/store/").status_code == 200
    assert bought(as_ada, icons).status == "paid"
    assert Purchase.objects.count() == 1


def test_answer_of_stripe_with_half_a_surrogate_pair_is_stored(
    icons: ProductConfiguration, sandbox: Any, settings: Any
) -> None:
    """Over a socket: the body holds the six characters \\ud800."""
    forward = InProcessClient().request

    def broken(method: str, url: str, headers: Any, body: bytes) -> Any:
        answer, status, answered = forward(method, url, headers, body)
        return answer.replace('"Icon set"', r'"Icon \ud800\u0000 set"'), status, answered

    settings.STRIPE_HTTP_CLIENT = ""
    with faulty_stripe(broken) as server:
        settings.STRIPE_API_BASE = server.address
        sync_catalogue()
    assert Product.objects.get(pk=icons.product_id).name == "Icon \ufffd\ufffd set"


def test_answer_of_stripe_nested_without_end_is_like_no_answer(
    icons: ProductConfiguration, sandbox: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FAULTS, "nested", Fault(200, "[" * 100_000))
    for name in ("INITIAL_DELAY", "MAX_DELAY"):
        monkeypatch.setattr(stripe.HTTPClient, name, 0.001)
    settings.STRIPE_HTTP_CLIENT = ""
    with faulty_stripe(InProcessClient().request) as server:
        settings.STRIPE_API_BASE = server.address
        server.breaks("nested")
        with pytest.raises(stripe.APIConnectionError):
            sync_catalogue()
    assert Product.objects.get(pk=icons.product_id).synced_at < timezone.now()
