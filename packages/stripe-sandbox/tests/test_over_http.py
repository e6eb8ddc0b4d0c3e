"""An unmodified SDK over a real socket, with and without a path prefix."""

from __future__ import annotations

from typing import Any

import pytest
import stripe


@pytest.mark.parametrize("prefix", ["/stripe-sandbox", ""])
def test_sdk_over_http(sandbox: Any, live_server: Any, prefix: str) -> None:
    client = stripe.StripeClient("sk_test_http", base_addresses={"api": f"{live_server.url}{prefix}"})
    for number in range(12):
        client.v1.products.create({"name": f"p{number}", "metadata": {"größe": "ß & 100 %"}})
    found = list(client.v1.products.list({"limit": 5}).auto_paging_iter())
    assert [product.name for product in found] == [f"p{number}" for number in range(11, -1, -1)]
    assert found[0].metadata["größe"] == "ß & 100 %"
    params: Any = {
        "mode": "payment",
        "success_url": "https://shop.example/",
        "line_items": [
            {
                "quantity": 1,
                "price_data": {"currency": "usd", "unit_amount": 500, "product_data": {"name": "Tip"}},
            }
        ],
    }
    session = client.v1.checkout.sessions.create(params, {"idempotency_key": "one"})
    assert session.url is not None
    assert session.url.startswith(f"{live_server.url}/stripe-sandbox/checkout/cs_test_")
    assert client.v1.checkout.sessions.create(params, {"idempotency_key": "one"}).id == session.id
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.products.retrieve("prod_nope")
    assert caught.value.request_id
    with pytest.raises(stripe.AuthenticationError):
        stripe.StripeClient(
            "sk_live_x", base_addresses={"api": f"{live_server.url}/stripe-sandbox"}
        ).v1.products.list()
