"""Prices whose amount the buyer chooses (custom_unit_amount)."""

from __future__ import annotations

from typing import Any

import pytest
import stripe
from django.test import Client
from test_checkout_page import complete_challenge, field_errors, page, pay, retrieve_session

from stripe_sandbox import cards, formatting
from stripe_sandbox.testing import Sandbox

CUSTOM = {"enabled": True, "minimum": 500, "maximum": 10000, "preset": 1000}


def create_price(sandbox: Sandbox, currency: str = "usd", **custom: Any) -> stripe.Price:
    params: Any = {"currency": currency, "custom_unit_amount": {"enabled": True, **custom}}
    return sandbox.client.v1.prices.create(params | {"product_data": {"name": "Tip"}})


def create_session(sandbox: Sandbox, price: str, **params: Any) -> stripe.checkout.Session:
    return sandbox.client.v1.checkout.sessions.create(
        {
            "mode": "payment",
            "line_items": [{"price": price, "quantity": 1}],
            "success_url": "https://shop.example/thanks",
            **params,
        }
    )


def test_price_has_limits_and_no_unit_amount(sandbox: Sandbox) -> None:
    params: Any = {"name": "Tip", "default_price_data": {"currency": "usd", "custom_unit_amount": CUSTOM}}
    product = sandbox.client.v1.products.create({**params, "expand": ["default_price"]})
    price: Any = product.default_price
    assert (price.unit_amount, price.unit_amount_decimal) == (None, None)
    assert price.custom_unit_amount.to_dict() == {"minimum": 500, "maximum": 10000, "preset": 1000}


@pytest.mark.parametrize(
    ("custom", "code", "param"),
    [
        ({"enabled": False}, None, "custom_unit_amount[enabled]"),
        ({"minimum": 49}, "amount_too_small", "custom_unit_amount[minimum]"),
        ({"maximum": 10**8}, "amount_too_large", "custom_unit_amount[maximum]"),
        ({"minimum": 500, "maximum": 400}, None, "custom_unit_amount[minimum]"),
        ({"minimum": 500, "preset": 400}, None, "custom_unit_amount[preset]"),
    ],
)
def test_invalid_limits_are_refused(sandbox: Sandbox, custom: Any, code: str | None, param: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        create_price(sandbox, **custom)
    assert (caught.value.code, caught.value.param) == (code, param)


def test_recurring_price_or_second_amount_is_refused(sandbox: Sandbox) -> None:
    base: Any = {"currency": "usd", "custom_unit_amount": CUSTOM, "product_data": {"name": "Tip"}}
    for more in ({"recurring": {"interval": "month"}}, {"unit_amount": 500}):
        with pytest.raises(stripe.InvalidRequestError):
            sandbox.client.v1.prices.create(base | more)


def test_session_refuses_what_custom_amounts_exclude(sandbox: Sandbox) -> None:
    price, other = create_price(sandbox).id, str(sandbox.product().default_price)
    coupon = sandbox.client.v1.coupons.create({"percent_off": 10, "duration": "once"}).id
    for params in (
        {"line_items": [{"price": price, "quantity": 2}]},
        {"line_items": [{"price": price, "quantity": 1}, {"price": other, "quantity": 1}]},
        {"allow_promotion_codes": True},
        {"discounts": [{"coupon": coupon}]},
        {"mode": "subscription"},
    ):
        with pytest.raises(stripe.InvalidRequestError):
            create_session(sandbox, price, **params)


def test_page_asks_for_the_amount_and_charges_it(sandbox: Sandbox) -> None:
    buyer, session = (
        Client(),
        create_session(sandbox, create_price(sandbox, **{**CUSTOM, "enabled": True}).id),
    )
    assert session.amount_total == 1000
    html = buyer.get(page(session)).content.decode()
    assert 'id="customUnitAmount"' in html
    assert 'value="10.00"' in html
    assert pay(buyer, session, customUnitAmount="12,50").status_code == 303
    paid: Any = retrieve_session(sandbox, session, "payment_intent", "line_items")
    assert (paid.amount_subtotal, paid.amount_total, paid.payment_intent.amount) == (1250, 1250, 1250)
    item = paid.line_items.data[0]
    assert (item.amount_total, item.price.unit_amount) == (1250, None)


def test_session_without_preset_starts_at_zero(sandbox: Sandbox) -> None:
    buyer, session = Client(), create_session(sandbox, create_price(sandbox).id)
    assert session.amount_total == 0
    assert pay(buyer, session, customUnitAmount="3").status_code == 303
    assert retrieve_session(sandbox, session).amount_total == 300


@pytest.mark.parametrize(
    ("entered", "error"),
    [
        ("", "Required"),
        ("abc", "The amount is invalid."),
        ("NaN", "The amount is invalid."),
        ("7.005", "The amount is invalid."),
        ("-7", "The amount must be at least $5.00."),
        ("4.99", "The amount must be at least $5.00."),
        ("100.01", "The amount must be at most $100.00."),
    ],
)
def test_amounts_outside_the_limits_are_refused(sandbox: Sandbox, entered: str, error: str) -> None:
    buyer, session = Client(), create_session(sandbox, create_price(sandbox, **CUSTOM).id)
    response = pay(buyer, session, customUnitAmount=entered)
    assert field_errors(response.content.decode()) == [error]
    assert retrieve_session(sandbox, session).status == "open"
    assert sandbox.client.v1.payment_intents.list().data == []


def test_amount_survives_3d_secure_and_can_change_after_a_decline(sandbox: Sandbox) -> None:
    buyer, session = Client(), create_session(sandbox, create_price(sandbox, "jpy").id)
    pay(buyer, session, cards.BY_NUMBER["4000000000000002"], customUnitAmount="700")
    pay(buyer, session, cards.BY_NUMBER["4000002760003184"], customUnitAmount="900")
    assert 'value="900"' in buyer.get(page(session)).content.decode()
    assert complete_challenge(buyer, session, "complete").status_code == 303
    assert retrieve_session(sandbox, session).amount_total == 900
    assert [intent.amount_received for intent in sandbox.client.v1.payment_intents.list()] == [900]


@pytest.mark.parametrize(
    ("currency", "entered", "amount", "shown"),
    [
        ("jpy", "1250", 1250, "¥1,250"),
        ("kwd", "12.5", 12500, "KWD12.500"),
        ("isk", "1250", 125000, "ISK1,250"),
        ("rsd", "1250", 125000, "RSD1,250"),  # two decimals at Stripe, none in CLDR
        ("rsd", "12.50", 1250, "RSD12.50"),
        ("lbp", "90000", 9000000, "LBP90,000"),
    ],
)
def test_amount_has_the_decimals_that_stripe_documents(
    sandbox: Sandbox, currency: str, entered: str, amount: int, shown: str
) -> None:
    """https://docs.stripe.com/currencies"""
    buyer, session = Client(), create_session(sandbox, create_price(sandbox, currency, minimum=amount).id)
    assert pay(buyer, session, customUnitAmount=entered).status_code == 303
    assert retrieve_session(sandbox, session).amount_total == amount
    assert formatting.format_money(amount, currency) == shown


@pytest.mark.parametrize(("currency", "amount"), [("kwd", 5125), ("isk", 1050), ("ugx", 123450)])
def test_fraction_that_stripe_does_not_charge_is_refused(
    sandbox: Sandbox, currency: str, amount: int
) -> None:
    """https://docs.stripe.com/currencies#special-cases"""
    params: Any = {"currency": currency, "unit_amount": amount, "product_data": {"name": "Font"}}
    price = sandbox.client.v1.prices.create(params)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        create_session(sandbox, price.id)
    assert caught.value.code == "invalid_charge_amount"
    entered = formatting.format_major_units(amount, currency)
    session = create_session(sandbox, create_price(sandbox, currency).id)
    assert field_errors(pay(Client(), session, customUnitAmount=entered).content.decode()) == [
        "The amount is invalid."
    ]
