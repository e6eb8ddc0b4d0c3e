"""Every request that the store makes of Stripe, held against the SDK's own parameter types."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client
from stripe import params as p
from stripe.params import checkout as pc

from apps.ecommerce.catalogue import sync_catalogue, sync_product
from apps.ecommerce.models import ProductConfiguration, Purchase
from apps.stripe_sandbox import forms, params
from apps.stripe_sandbox.transport import InProcessClient
from tests.factories import add_price, bought, press_buy, price_of, stock
from tests.sdk_types import check_params

pytestmark = pytest.mark.django_db

# What the store may ask, and the SDK's type of the question. A request that is missing here fails the test.
QUESTIONS: dict[str, Any] = {
    "GET /v1/products": p.ProductListParams,
    "GET /v1/products/{id}": p.ProductRetrieveParams,
    "GET /v1/prices": p.PriceListParams,
    "POST /v1/customers": p.CustomerCreateParams,
    "POST /v1/checkout/sessions": pc.SessionCreateParams,
    "GET /v1/checkout/sessions/{id}": pc.SessionRetrieveParams,
    "POST /v1/checkout/sessions/{id}/expire": pc.SessionExpireParams,
}

asked: set[str] = set()


class CheckingClient(InProcessClient):
    """The sandbox behind a judge who knows only the SDK's types."""

    def request(self, method: str, url: str, headers: Any, post_data: Any = None, **more: Any) -> Any:
        address = urlsplit(url)
        question = f"{method.upper()} {re.sub(r'(prod|cs)_[A-Za-z0-9_]+', '{id}', address.path)}"
        schema = QUESTIONS[question]
        tree = forms.decode(post_data or address.query)
        check_params(params.check(tree, schema, frozenset(tree)), schema)
        if method.upper() == "POST":
            assert headers["Idempotency-Key"]
        assert headers["Stripe-Version"] == "2026-10-28.endive"
        asked.add(question)
        return super().request(method, url, headers, post_data, **more)


def test_every_request_is_one_that_the_sdk_would_let_through(
    as_ada: Client, as_bob: Client, sandbox: Any, settings: Any
) -> None:
    icons = stock(sandbox.client, "Icon set", 1900)
    club = stock(sandbox.client, "Club", 900, interval="month", trial_period_days=7)
    larger = add_price(sandbox.client, icons.product_id, 4900)
    settings.STRIPE_HTTP_CLIENT = "tests.integration.test_store_requests.CheckingClient"
    asked.clear()
    sync_catalogue()
    sync_product(icons.product_id)
    bought(as_ada, icons, price_of(icons))
    bought(as_ada, club)
    press_buy(as_bob, icons, price_of(icons))
    fresh = ProductConfiguration.objects.get(pk=icons.pk)
    press_buy(as_bob, fresh, next(price for price in fresh.prices if price.id == larger))
    assert Purchase.objects.count() == 4
    assert asked == QUESTIONS.keys()
