from __future__ import annotations

import time
from typing import Any

import pytest
import stripe

from stripe_sandbox import origin, storage
from stripe_sandbox.resources import checkout_sessions

RETURN = "https://shop.example/return?session_id={CHECKOUT_SESSION_ID}"
REMOVED = "payment_method_types_no_longer_supported"


@pytest.fixture
def shop(sandbox: Any) -> Any:
    sandbox.price = sandbox.product().default_price
    sandbox.monthly = sandbox.product("Club", 900, recurring={"interval": "month"}).default_price
    return sandbox


def create_session(shop: Any, price: str = "", **params: Any) -> stripe.checkout.Session:
    line = {"price": price or shop.price, "quantity": 1}
    return shop.client.v1.checkout.sessions.create(
        {"mode": "payment", "success_url": RETURN, "line_items": [line], **params}
    )


def create_rejected_session(shop: Any, **params: Any) -> stripe.InvalidRequestError:
    before = len(storage.find("checkout.session"))
    with pytest.raises(stripe.InvalidRequestError) as caught:
        create_session(shop, **params)
    assert caught.value.http_status == 400
    assert len(storage.find("checkout.session")) == before
    return caught.value


def test_new_session_has_defaults(shop: Any) -> None:
    session = create_session(
        shop, client_reference_id="order-1", metadata={"order": "1"}, customer_email="ada@example.com"
    )
    assert (session.status, session.payment_status) == ("open", "unpaid")
    assert (session.amount_total, session.currency) == (1900, "usd")
    assert session.id.startswith("cs_test_")
    assert session.url == f"http://127.0.0.1:8000/stripe-sandbox/checkout/{session.id}"
    assert session.success_url == RETURN
    assert session.payment_intent is None
    assert session.expires_at - session.created == pytest.approx(24 * 3600, abs=2)
    assert "line_items" not in session
    assert session.customer_details.email == "ada@example.com"


def test_session_url_uses_the_request_host(shop: Any) -> None:
    token = origin.set_current("http://192.168.1.7:9000")
    try:
        assert create_session(shop).url.startswith("http://192.168.1.7:9000/stripe-sandbox/checkout/cs_test_")
    finally:
        origin.reset(token)


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        ({"mode": None}, "parameter_missing", "mode"),
        ({"success_url": None}, "parameter_missing", "success_url"),
        ({"line_items": []}, "parameter_missing", "line_items"),
        (
            {"line_items": [{"price": "price_nope", "quantity": 1}]},
            "resource_missing",
            "line_items[0][price]",
        ),
        ({"line_items": [{"quantity": 1}]}, "parameter_missing", "line_items[0][price]"),
        ({"success_url": "/return"}, "url_invalid", "success_url"),
        ({"customer": "cus_nope"}, "resource_missing", "customer"),
        ({"payment_method_types": ["card"]}, REMOVED, "payment_method_types"),
        ({"ui_mode": "hosted"}, None, "ui_mode"),
        ({"ui_mode": "embedded_page"}, None, "ui_mode"),
        ({"expires_at": int(time.time()) + 60}, None, "expires_at"),
        ({"expires_at": int(time.time()) + 25 * 3600}, None, "expires_at"),
        ({"subscription_data": {"metadata": {"a": "b"}}}, None, "subscription_data"),
        ({"customer_update": {"name": "auto"}}, None, "customer_update"),
    ],
)
def test_invalid_session_is_rejected(shop: Any, params: dict[str, Any], code: str | None, param: str) -> None:
    error = create_rejected_session(shop, **params)
    assert (error.code, error.param) == (code, param)


def test_disabled_features_are_accepted(shop: Any) -> None:
    off = {"enabled": False}
    session = create_session(
        shop, automatic_tax=off, invoice_creation=off, tax_id_collection=off, allow_promotion_codes=False
    )
    assert session.automatic_tax.enabled is False


def test_modes_and_prices_must_match(shop: Any) -> None:
    assert "passed a recurring price" in str(create_rejected_session(shop, price=shop.monthly))
    assert "at least one recurring price" in str(create_rejected_session(shop, mode="subscription"))
    assert create_session(shop, shop.monthly, mode="subscription").mode == "subscription"


def test_quantity_must_be_positive(shop: Any) -> None:
    assert (
        create_rejected_session(shop, line_items=[{"price": shop.price}]).param == "line_items[0][quantity]"
    )
    assert (
        create_rejected_session(shop, line_items=[{"price": shop.price, "quantity": 0}]).param
        == "line_items[0][quantity]"
    )
    assert create_session(shop, line_items=[{"price": shop.price, "quantity": 3}]).amount_total == 5700


def test_inactive_prices_and_products_are_rejected(shop: Any) -> None:
    v1 = shop.client.v1
    v1.products.update(v1.prices.retrieve(shop.price).product, {"active": False})
    assert "its product is not active" in str(create_rejected_session(shop))
    old = v1.prices.create(
        {"product": shop.product().id, "currency": "usd", "unit_amount": 100, "active": False}
    ).id
    assert "only accepts active prices" in str(create_rejected_session(shop, price=old))


def test_line_items_need_one_currency_and_a_minimum_total(shop: Any) -> None:
    euro = shop.product(currency="eur").default_price
    lines = [{"price": shop.price, "quantity": 1}, {"price": euro, "quantity": 1}]
    assert create_rejected_session(shop, line_items=lines).param == "line_items"
    assert (
        create_rejected_session(shop, price=shop.product(amount=20).default_price).code == "amount_too_small"
    )
    assert create_session(shop, shop.product(amount=0).default_price).amount_total == 0


def test_customer_and_email_exclude_each_other(shop: Any) -> None:
    customer = shop.client.v1.customers.create({"email": "ada@example.com", "name": "Ada"})
    assert "only specify one" in str(
        create_rejected_session(shop, customer=customer.id, customer_email="bob@example.com")
    )
    session = create_session(shop, customer=customer.id, customer_update={"name": "auto"})
    assert session.customer_details.name == "Ada"


def test_inline_price_is_created(shop: Any) -> None:
    data = {"currency": "usd", "unit_amount": 700, "product_data": {"name": "Tip", "metadata": {"a": "1"}}}
    session = create_session(
        shop, line_items=[{"price_data": data, "quantity": 1}], expand=["line_items.data.price.product"]
    )
    price = session.line_items.data[0].price
    assert (price.unit_amount, price.active, price.product.name, price.product.active) == (
        700,
        False,
        "Tip",
        False,
    )


def test_line_items_are_included_if_expanded(shop: Any) -> None:
    lines = [
        {"price": shop.price, "quantity": 2},
        {"price": shop.product("Font", 500).default_price, "quantity": 1},
    ]
    session = create_session(shop, line_items=lines)
    items = shop.client.v1.checkout.sessions.line_items.list(session.id)
    assert [(item.description, item.quantity, item.amount_total) for item in items] == [
        ("Icon set", 2, 3800), ("Font", 1, 500),
    ]  # fmt: skip
    first = shop.client.v1.checkout.sessions.line_items.list(session.id, {"limit": 1})
    assert len(list(first.auto_paging_iter())) == 2


def test_trial_session_has_a_total_of_zero(shop: Any) -> None:
    session = create_session(
        shop, shop.monthly, mode="subscription", subscription_data={"trial_period_days": 14}
    )
    assert session.amount_total == 0
    assert storage.get_hidden(session.id)["subscription_data"] == {"trial_period_days": 14}
    soon = {"trial_end": int(time.time()) + 3600}
    error = create_rejected_session(shop, price=shop.monthly, mode="subscription", subscription_data=soon)
    assert error.param == "subscription_data[trial_end]"


def test_session_can_be_expired_once(shop: Any) -> None:
    session = create_session(shop)
    expired = shop.client.v1.checkout.sessions.expire(session.id)
    assert (expired.status, expired.url) == ("expired", None)
    with pytest.raises(stripe.InvalidRequestError, match="status of `expired`"):
        shop.client.v1.checkout.sessions.expire(session.id)
    assert len(shop.events("checkout.session.expired")) == 1


def test_overdue_session_expires(shop: Any) -> None:
    stale, fresh = create_session(shop), create_session(shop)
    storage.update(stale.id, expires_at=int(time.time()) - 1)
    found = shop.client.v1.checkout.sessions.list({"status": "expired"})
    assert [session.id for session in found] == [stale.id]
    assert shop.client.v1.checkout.sessions.retrieve(fresh.id).status == "open"
    assert len(shop.events("checkout.session.expired")) == 1


def test_sessions_are_filtered_by_payment_and_subscription(shop: Any) -> None:
    customer = shop.client.v1.customers.create({"email": "ada@example.com"})
    session = create_session(shop, customer=customer.id)
    create_session(shop)
    checkout_sessions.complete(storage.get(session.id) or {}, "paid", payment_intent="pi_1")
    find = shop.client.v1.checkout.sessions.list
    for params in (
        {"payment_intent": "pi_1"}, {"customer": customer.id}, {"status": "complete"},
        {"customer_details": {"email": "ada@example.com"}},
    ):  # fmt: skip
        assert [found.id for found in find(params)] == [session.id], params
