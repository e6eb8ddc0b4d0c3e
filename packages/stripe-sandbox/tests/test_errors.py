"""Rejected requests get Stripe's error messages."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
import stripe

from stripe_sandbox import api
from stripe_sandbox.transport import InProcessClient

BEARER = {"Authorization": "Bearer sk_test_x"}


def send(
    method: str = "GET", path: str = "/v1/products", body: str = "", **headers: str
) -> tuple[int, dict[str, Any]]:
    sent_headers = {name.replace("_", "-"): value for name, value in (headers or BEARER).items()}
    response = api.handle(method, path, sent_headers, body.encode(), "", "http://shop.example")
    return response.status, json.loads(response.body)


def test_unknown_id_is_404(sandbox: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="No such product: 'prod_nope'") as caught:
        sandbox.client.v1.products.retrieve("prod_nope")
    assert (caught.value.http_status, caught.value.code, caught.value.param) == (
        404,
        "resource_missing",
        "id",
    )
    assert str(caught.value.request_id).startswith("req_")


def test_id_of_another_object_type_is_404(sandbox: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="No such price"):
        sandbox.client.v1.prices.retrieve(sandbox.product().id)


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/unicorns"), ("DELETE", "/v1/prices/x"), ("GET", "/v1/coupons/search")]
)
def test_error_names_unknown_url(sandbox: Any, method: str, path: str) -> None:
    status, answer = send(method, path)
    assert status == 404
    assert answer["error"]["message"].startswith(f"Unrecognized request URL ({method}: {path}).")
    assert answer["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("path", "body", "code", "param"),
    [
        ("/v1/products", "", "parameter_missing", "name"),
        ("/v1/products", "name=a&colour=red", "parameter_unknown", "colour"),
        ("/v1/products", "name=a&default_price_data[x][y]=1", "parameter_unknown", "default_price_data[x]"),
        (
            "/v1/products",
            "name=a&default_price_data[unit_amount]=5",
            "parameter_missing",
            "default_price_data[currency]",
        ),
        ("/v1/products", "name=a&active=perhaps", None, "active"),
        ("/v1/products", "name=a&images=x", None, "images"),
        ("/v1/products", "name[a]=b", "parameter_invalid_string", "name"),
        ("/v1/prices", "currency=usd&unit_amount=1.5&product=p", "parameter_invalid_integer", "unit_amount"),
        ("/v1/prices", "currency=usd&product=p&recurring[interval]=eon", None, "recurring[interval]"),
        (
            "/v1/checkout/sessions",
            "mode=payment&line_items[0][price]=p&line_items[1][pric]=q",
            "parameter_unknown",
            "line_items[1][pric]",
        ),
    ],
)
def test_error_names_invalid_parameter(
    sandbox: Any, path: str, body: str, code: str | None, param: str
) -> None:
    status, answer = send("POST", path, body)
    assert (status, answer["error"].get("code"), answer["error"]["param"]) == (400, code, param)


def test_error_lists_values_of_an_enum(sandbox: Any) -> None:
    _, answer = send("POST", "/v1/checkout/sessions", "mode=gift")
    assert answer["error"]["message"] == "Invalid mode: must be one of payment, setup, or subscription"


def test_error_names_unsupported_parameter(sandbox: Any) -> None:
    _, answer = send("POST", "/v1/prices", "currency=usd&product=p&tiers[0][up_to]=inf")
    assert "does not support the parameter `tiers[0][up_to]`" in answer["error"]["message"]


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        ("Bearer sk_test_x", 200),
        ("Bearer rk_test_x", 200),
        ("Basic " + base64.b64encode(b"sk_test_x:").decode(), 200),
        ("Basic not-base64", 401),
        ("", 401),
        ("Bearer sk_live_000000000000", 401),
        ("Bearer pk_test_x", 401),
    ],
)
def test_only_test_keys_are_accepted(sandbox: Any, authorization: str, status: int) -> None:
    assert send(Authorization=authorization)[0] == status


def test_error_masks_api_key(sandbox: Any) -> None:
    client = stripe.StripeClient("sk_live_51HsecretsecretABCD", http_client=InProcessClient())
    with pytest.raises(stripe.AuthenticationError) as caught:
        client.v1.products.list()
    assert "secretsecret" not in str(caught.value)
    assert "sk_live_" in str(caught.value)


def test_responses_have_stripes_headers(sandbox: Any) -> None:
    created = sandbox.client.v1.products.create({"name": "A"}, {"idempotency_key": "abc"})
    headers = created.last_response.headers
    assert headers["Idempotency-Key"] == "abc"
    assert headers["stripe-version"] == stripe.api_version
    assert headers["Request-Id"].startswith("req_")
    assert "Idempotent-Replayed" not in headers


def test_unexpected_error_is_500_and_rolls_back(
    sandbox: Any, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    from stripe_sandbox.resources import products

    def crash(*args: object) -> None:
        raise RuntimeError("bug")

    monkeypatch.setattr(products.events, "emit", crash)
    with pytest.raises(stripe.APIError) as caught:
        sandbox.client.v1.products.create({"name": "A"})
    assert caught.value.http_status == 500
    assert "bug" in caplog.text
    assert sandbox.client.v1.products.list().data == []
