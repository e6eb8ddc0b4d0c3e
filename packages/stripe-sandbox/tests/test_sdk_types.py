"""Valid and invalid objects for the type checks of stripe_sandbox.testing."""

from __future__ import annotations

from typing import Any

import pytest
from stripe import params
from stripe.params import checkout

from stripe_sandbox.testing.sdk_types import check_params, check_response

RECURRING = {"interval": "month", "interval_count": 1, "usage_type": "licensed"}
PRICE: dict[str, Any] = {
    "id": "price_1", "object": "price", "active": True, "billing_scheme": "per_unit", "created": 1, "currency": "usd",
    "livemode": False, "metadata": {}, "product": "prod_1", "type": "recurring", "recurring": RECURRING,
    "unit_amount": 5, "unit_amount_decimal": "5",
}  # fmt: skip


def test_valid_object_passes() -> None:
    check_response(PRICE)
    check_response({"object": "list", "data": [PRICE], "has_more": False, "url": "/v1/prices"})
    check_response({"id": "cus_1", "object": "customer", "deleted": True})


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"currency": None}, "price.currency: required"),
        ({"colour": "red"}, "unknown"),
        ({"active": 1}, "price.active"),
        ({"unit_amount": True}, "price.unit_amount"),
        ({"unit_amount_decimal": 5}, "price.unit_amount_decimal"),
        ({"recurring": {"interval": "month"}}, "recurring.interval_count: required"),
        ({"recurring": RECURRING | {"colour": "red"}}, "recurring: unknown"),
        ({"product": {"id": "prod_1", "object": "product"}}, "price.product.active: required"),
        ({"product": 5}, "price.product"),
        ({"nickname": {"a": "b"}}, "price.nickname"),
        ({"metadata": []}, "price.metadata"),
    ],
)
def test_invalid_object_names_field(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        check_response(PRICE | change)


@pytest.mark.parametrize("wrong", [{"url": "https://x/v1/prices"}, {"has_more": None}, {"total": 5}])
def test_invalid_list_fails(wrong: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        check_response({"object": "list", "data": [PRICE], "has_more": False, "url": "/v1/prices"} | wrong)


def test_valid_params_pass() -> None:
    check_params(
        {"name": "A", "default_price_data": {"currency": "usd", "unit_amount": 5}}, params.ProductCreateParams
    )
    check_params({"metadata": "", "expand": ["default_price"]}, params.ProductUpdateParams)
    line = {"price": "price_1", "quantity": 1}
    check_params({"mode": "payment", "line_items": [line], "expires_at": 5}, checkout.SessionCreateParams)


@pytest.mark.parametrize(
    "wrong",
    [
        {"payment_method_types": ["card"]},
        {"mode": "gift"},
        {"line_items": {"price": "price_1"}},
        {"line_items": [{"price": 5}]},
        {"line_items": [{"price_data": {"unit_amount": 5}}]},
        {"metadata": {"a": 1}},
        {"expires_at": "soon"},
        {"expires_at": True},
    ],
)
def test_invalid_params_fail(wrong: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        check_params(wrong, checkout.SessionCreateParams)
