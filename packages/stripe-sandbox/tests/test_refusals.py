"""Requests that Stripe refuses for good: invalid texts and amounts, the account, the key, and simulated errors."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from stripe_sandbox.testing import Sandbox


def refuse(call: Any, *args: Any) -> Any:
    """Return the StripeError of a call that must fail."""
    with pytest.raises(stripe.StripeError) as caught:
        call(*args)
    return caught.value


def create_session(sandbox: Sandbox, amount: int = 1900, currency: str = "usd", **params: Any) -> Any:
    data = {"currency": currency, "unit_amount": amount, "product_data": {"name": "Icons"}}
    line = {"price_data": data, "quantity": 1}
    return sandbox.client.v1.checkout.sessions.create(
        {"mode": "payment", "success_url": "https://shop.example", "line_items": [line], **params}
    )


@pytest.mark.parametrize(
    "email", ["ada", "ada@example", "ada@@example.com", "a da@example.com", "ada..b@example.com", "ada@exämple.com",
              "ada@-example.com", "ada.@example.com"],
)  # fmt: skip
def test_invalid_email_is_refused(sandbox: Sandbox, email: str) -> None:
    customers = sandbox.client.v1.customers
    customer = customers.create({"email": "ada@example.com"})
    for error, param in (
        (refuse(customers.create, {"email": email}), "email"),
        (refuse(customers.update, customer.id, {"email": email}), "email"),
        (refuse(lambda: create_session(sandbox, customer_email=email)), "customer_email"),
    ):
        assert (error.http_status, error.code, error.param) == (400, "email_invalid", param)
        assert str(error.user_message) == f"Invalid email address: {email}"


@pytest.mark.parametrize("email", ["ada+location_FR@example.co.uk", "a@b.io", "o'hara_1@x-y.example", ""])
def test_valid_email_is_accepted(sandbox: Sandbox, email: str) -> None:
    assert sandbox.client.v1.customers.create({"email": email}).email == (email or None)


@pytest.mark.parametrize(
    ("currency", "least", "text"),
    [("usd", 50, "$0.50 usd"), ("gbp", 30, "£0.30 gbp"), ("jpy", 50, "¥50 jpy"), ("dkk", 250, "DKK"),
     ("mxn", 1000, "MX$10.00 mxn"), ("czk", 1500, "CZK")],
)  # fmt: skip
def test_amount_below_the_minimum_is_refused(sandbox: Sandbox, currency: str, least: int, text: str) -> None:
    error = refuse(lambda: create_session(sandbox, least - 1, currency))
    assert (error.code, error.param) == ("amount_too_small", "line_items")
    assert "total amount due must add up to at least" in str(error)
    assert text in str(error)
    assert create_session(sandbox, least, currency).amount_total == least


@pytest.mark.parametrize(("currency", "most"), [("usd", 99_999_999), ("idr", 999_999_999_999)])
def test_amount_above_the_maximum_is_refused(sandbox: Sandbox, currency: str, most: int) -> None:
    half = most // 2 + 1
    data = {"currency": currency, "unit_amount": half, "product_data": {"name": "Castle"}}
    error = refuse(lambda: create_session(sandbox, line_items=[{"price_data": data, "quantity": 2}]))
    assert (error.code, error.param) == ("amount_too_large", "line_items")
    assert create_session(sandbox, most, currency).amount_total == most


def test_three_decimal_amounts_must_be_multiples_of_ten(sandbox: Sandbox) -> None:
    error = refuse(lambda: create_session(sandbox, 1234, "kwd"))
    assert (error.code, error.param) == ("invalid_charge_amount", "line_items")
    assert create_session(sandbox, 1230, "kwd").amount_total == 1230


@pytest.mark.parametrize(
    ("path", "params", "param"),
    [
        ("products", {"name": "x" * 251}, "name"),
        ("products", {"name": "a", "images": ["https://a.example/1.png"] * 9}, "images"),
        ("products", {"name": "a", "marketing_features": [{"name": "x" * 81}]}, "marketing_features[0][name]"),
        ("products", {"name": "a", "statement_descriptor": "x" * 23}, "statement_descriptor"),
        ("products", {"name": "a", "statement_descriptor": "A*B"}, "statement_descriptor"),
        ("products", {"name": "a", "statement_descriptor": "12345"}, "statement_descriptor"),
        ("products", {"name": "a", "metadata": {"k": "x" * 501}}, "metadata"),
        ("prices", {"currency": "usd", "unit_amount": 5, "product_data": {"name": "x" * 251}}, "product_data[name]"),
        ("prices", {"currency": "usd", "unit_amount": 5, "product_data": {"name": "a"}, "nickname": "x" * 5001},
         "nickname"),
        ("prices", {"currency": "usd", "unit_amount": 5, "product_data": {"name": "a"}, "lookup_key": "x" * 201},
         "lookup_key"),
        ("prices", {"currency": "usd", "unit_amount": 10**12, "product_data": {"name": "a"}}, "unit_amount"),
        ("customers", {"name": "x" * 257}, "name"),
        ("customers", {"phone": "1" * 21}, "phone"),
        ("coupons", {"percent_off": 10, "name": "x" * 41}, "name"),
    ],
)  # fmt: skip
def test_long_texts_and_lists_are_refused(sandbox: Sandbox, path: str, params: Any, param: str) -> None:
    error = refuse(getattr(sandbox.client.v1, path).create, params)
    assert (error.http_status, error.param) == (400, param)


def test_texts_at_the_limit_are_accepted(sandbox: Sandbox) -> None:
    params: Any = {
        "name": "x" * 250,
        "images": ["https://a.example/1.png"] * 8,
        "statement_descriptor": "x" * 22,
    }
    assert len(sandbox.client.v1.products.create(params).name) == 250
    assert create_session(sandbox, client_reference_id="x" * 200).client_reference_id == "x" * 200
    assert (
        refuse(lambda: create_session(sandbox, client_reference_id="x" * 201)).param == "client_reference_id"
    )


# --- account, key and simulated errors -------------------------------------------------------------------


def test_account_that_cannot_charge_is_refused(sandbox: Sandbox) -> None:
    assert sandbox.client.v1.accounts.retrieve_current().charges_enabled is True
    sandbox.switches(cannot_charge=True)
    assert sandbox.client.v1.accounts.retrieve_current().charges_enabled is False
    error = refuse(lambda: create_session(sandbox))
    assert isinstance(error, stripe.InvalidRequestError)
    assert "cannot currently make live charges" in str(error)
    sandbox.switches(cannot_charge=False)
    assert create_session(sandbox).status == "open"


def test_account_without_name_cannot_use_checkout(sandbox: Sandbox) -> None:
    assert sandbox.client.v1.accounts.retrieve_current().business_profile
    sandbox.switches(no_business_name=True)
    error = refuse(lambda: create_session(sandbox))
    assert (
        error.user_message
        == "In order to use Checkout, you must set an account or business name at https://dashboard.stripe.com/account."
    )


@pytest.mark.parametrize("missing", ["checkout_session_write", "checkout_session_read"])
def test_restricted_key_without_permission_is_refused(sandbox: Sandbox, missing: str) -> None:
    sandbox.switches(missing_permissions=[missing])
    error = refuse(lambda: create_session(sandbox))
    assert isinstance(error, stripe.PermissionError)
    assert error.http_status == 403
    assert "Having the 'rak_checkout_session_write' permission would allow this request" in str(error)
    sessions = sandbox.client.v1.checkout.sessions
    if missing.endswith("read"):
        assert isinstance(refuse(sessions.list), stripe.PermissionError)
    else:
        assert sessions.list().data == []
    assert sandbox.client.v1.products.list().data == []


def test_items_need_the_permission_of_subscriptions(sandbox: Sandbox) -> None:
    sandbox.switches(missing_permissions=["subscription_read"])
    error = refuse(lambda: sandbox.client.v1.subscription_items.list({"subscription": "sub_1"}))
    assert isinstance(error, stripe.PermissionError)


def test_any_error_can_be_simulated_for_a_path(sandbox: Sandbox) -> None:
    fault = {"api_status": 400, "api_code": "customer_max_subscriptions", "api_message": "Too many."}
    sandbox.switches(api_times=2, api_path="POST /v1/checkout/sessions", **fault)
    assert sandbox.client.v1.checkout.sessions.list().data == []
    for _ in range(2):
        error = refuse(lambda: create_session(sandbox))
        assert (error.http_status, error.code, error.user_message) == (400, *list(fault.values())[1:])
    assert create_session(sandbox).status == "open"


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, stripe.AuthenticationError), (402, stripe.CardError), (403, stripe.PermissionError),
     (404, stripe.InvalidRequestError), (429, stripe.RateLimitError), (500, stripe.APIError), (503, stripe.APIError)],
)  # fmt: skip
def test_simulated_error_has_the_type_of_its_status(sandbox: Sandbox, status: int, kind: type) -> None:
    sandbox.switches(api_times=1, api_status=status, api_path="/v1/prod*")
    assert isinstance(refuse(sandbox.client.v1.products.list), kind)
