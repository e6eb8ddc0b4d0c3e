"""Prices in several currencies (currency_options)."""

from __future__ import annotations

from typing import Any

import pytest
import stripe
from django.test import Client
from test_checkout_page import page, pay, retrieve_session

from stripe_sandbox.testing import Sandbox


def create_price(sandbox: Sandbox, interval: str = "", options: Any = None, **more: Any) -> stripe.Price:
    params: Any = {
        "currency": "usd",
        "unit_amount": 1000,
        "product_data": {"name": "Club"},
        "currency_options": options or {"eur": {"unit_amount": 900}, "jpy": {"unit_amount": 1500}},
    }
    if interval:
        params["recurring"] = {"interval": interval}
    return sandbox.client.v1.prices.create(params | more)


def create_session(sandbox: Sandbox, price: str, mode: Any = "payment", **params: Any) -> Any:
    return sandbox.client.v1.checkout.sessions.create(
        {
            "mode": mode,
            "line_items": [{"price": price, "quantity": 2}],
            "success_url": "https://shop.example/thanks",
            **params,
        }
    )


def test_options_are_only_included_if_expanded(sandbox: Sandbox) -> None:
    price = create_price(sandbox)
    assert "currency_options" not in price
    found: Any = sandbox.client.v1.prices.list({"expand": ["data.currency_options"]}).data[0]
    amounts = {code: found.currency_options[code].unit_amount for code in ("usd", "eur", "jpy")}
    assert amounts == {"usd": 1000, "eur": 900, "jpy": 1500}


def test_options_can_be_added_later(sandbox: Sandbox) -> None:
    price = create_price(sandbox)
    sandbox.client.v1.prices.update(price.id, {"currency_options": {"gbp": {"unit_amount": 800}}})
    updated: Any = sandbox.client.v1.prices.retrieve(price.id, {"expand": ["currency_options"]})
    assert (updated.currency_options["gbp"].unit_amount, updated.currency_options["eur"].unit_amount) == (
        800,
        900,
    )
    assert sandbox.events("price.updated")


@pytest.mark.parametrize(
    "options",
    [{"usd": {"unit_amount": 5}}, {"xxx": {"unit_amount": 5}}, {"eur": {"unit_amount": -1}},
     {"eur": {"tax_behavior": "inclusive"}},
     {"eur": {"tiers": [{"unit_amount": 1, "up_to": "inf"}]}}],
)  # fmt: skip
def test_invalid_options_are_refused(sandbox: Sandbox, options: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        create_price(sandbox, options=options)
    assert str(caught.value.param).startswith("currency_options[")


def test_session_uses_the_requested_currency(sandbox: Sandbox) -> None:
    price = create_price(sandbox)
    session = create_session(sandbox, price.id, currency="eur", expand=["line_items"])
    assert (session.currency, session.amount_total) == ("eur", 1800)
    item = session.line_items.data[0]
    assert (item.currency, item.amount_total, item.price.currency, item.price.unit_amount) == (
        "eur",
        1800,
        "usd",
        1000,
    )
    assert "€18.00" in Client().get(page(session)).content.decode()
    assert pay(Client(), session).status_code == 303
    paid: Any = retrieve_session(sandbox, session, "payment_intent")
    assert (paid.payment_intent.currency, paid.payment_intent.amount) == ("eur", 1800)


def test_unsupported_currency_is_refused(sandbox: Sandbox) -> None:
    price = create_price(sandbox)
    with pytest.raises(stripe.InvalidRequestError, match="doesn't match the expected currency: `gbp`"):
        create_session(sandbox, price.id, currency="gbp")


def test_session_uses_the_currency_of_the_buyers_country(sandbox: Sandbox) -> None:
    price = create_price(sandbox)
    local = create_session(sandbox, price.id, customer_email="ada+location_FR@example.com")
    assert (local.currency, local.amount_total) == ("eur", 1800)
    without_option = create_session(sandbox, price.id, customer_email="ada+location_GB@example.com")
    assert (without_option.currency, without_option.amount_total) == ("usd", 2000)


def test_subscription_is_billed_in_the_chosen_currency(sandbox: Sandbox) -> None:
    price = create_price(sandbox, "month")
    customer = sandbox.client.v1.customers.create({"email": "ada@example.com"}).id
    session = create_session(sandbox, price.id, "subscription", currency="eur", customer=customer)
    pay(Client(), session)
    paid: Any = retrieve_session(sandbox, session, "subscription", "invoice")
    assert (paid.subscription.currency, paid.invoice.currency, paid.invoice.total) == ("eur", "eur", 1800)
    item = paid.subscription["items"].data[0]
    preview = sandbox.client.v1.invoices.create_preview(
        {
            "subscription": paid.subscription.id,
            "subscription_details": {"items": [{"id": item.id, "quantity": 3}], "proration_behavior": "none"},
        }
    )
    assert (preview.currency, preview.total) == ("eur", 2700)
    assert create_session(sandbox, price.id, "subscription", customer=customer).currency == "eur"


def test_api_subscription_takes_a_currency(sandbox: Sandbox) -> None:
    price = create_price(sandbox, "month").id
    customer = sandbox.client.v1.customers.create({"email": "ada@example.com"}).id
    card = sandbox.client.v1.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    params: Any = {"customer": customer, "items": [{"price": price}], "default_payment_method": card}
    created: Any = sandbox.client.v1.subscriptions.create(
        {**params, "currency": "jpy", "expand": ["latest_invoice"]}
    )
    assert (created.currency, created.latest_invoice.total, created.latest_invoice.currency) == (
        "jpy",
        1500,
        "jpy",
    )
    with pytest.raises(stripe.InvalidRequestError, match="only supports"):
        sandbox.client.v1.subscriptions.create({**params, "currency": "gbp"})
