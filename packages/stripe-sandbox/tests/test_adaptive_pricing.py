"""https://docs.stripe.com/payments/currencies/localize-prices/adaptive-pricing"""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from test_checkout_page import open_session, page, pay

from stripe_sandbox.billing import panel_actions
from stripe_sandbox.presentment import convert
from stripe_sandbox.testing import Sandbox

FRANCE = "ada+location_FR@example.com"
ON: dict[str, Any] = {"adaptive_pricing": {"enabled": True}}


def retrieve(sandbox: Sandbox, session_id: str) -> Any:
    paths = ["payment_intent.latest_charge", "subscription", "invoice"]
    return sandbox.client.v1.checkout.sessions.retrieve(session_id, {"expand": paths})


def buy(sandbox: Sandbox, amount: int = 1900, **params: Any) -> Any:
    """Return the paid session with its payment intent and charge."""
    session = open_session(sandbox, amount, **{"customer_email": FRANCE, **ON, **params})
    pay(Client(), session)
    return retrieve(sandbox, session.id)


def details(obj: Any) -> tuple[int, str] | None:
    found = getattr(obj, "presentment_details", None)
    return (found.presentment_amount, found.presentment_currency) if found else None


def test_buyer_abroad_pays_in_local_currency(sandbox: Sandbox) -> None:
    session = buy(sandbox)
    intent = session.payment_intent
    paid = details(session)
    assert paid == (convert(1900, "usd", "eur"), "eur")
    assert details(intent) == details(intent.latest_charge) == paid
    # Amounts and currency stay those of the price.
    assert (session.amount_total, session.currency) == (1900, "usd")
    assert (intent.amount, intent.amount_received, intent.currency) == (1900, 1900, "usd")
    assert (intent.latest_charge.amount, intent.latest_charge.currency) == (1900, "usd")
    (completed,) = sandbox.events("checkout.session.completed")
    (succeeded,) = sandbox.events("payment_intent.succeeded")
    for event in (completed, succeeded):
        assert event["data"]["object"]["presentment_details"]["presentment_currency"] == "eur"
    (row,) = sandbox.client.v1.balance_transactions.list().data
    assert (row.amount, row.currency) == (1900, "usd")


def test_page_shows_the_local_amount(sandbox: Sandbox) -> None:
    session = open_session(sandbox, customer_email=FRANCE, **ON)
    local = f"€{convert(1900, 'usd', 'eur') / 100:.2f}"
    assert local in Client().get(page(session)).content.decode()
    assert getattr(retrieve(sandbox, session.id), "presentment_details", None) is None


@pytest.mark.parametrize(
    "params",
    [
        {"adaptive_pricing": {"enabled": False}},
        {"customer_email": "ada@example.com"},
        {"customer_email": "ada+location_US@example.com"},  # the currency of the price
        {"customer_email": "ada+location_XX@example.com"},
    ],
)
def test_other_buyers_pay_in_the_currency_of_the_price(sandbox: Sandbox, params: dict[str, Any]) -> None:
    session = buy(sandbox, **params)
    intent = session.payment_intent
    assert [details(obj) for obj in (session, intent, intent.latest_charge)] == [None] * 3


def test_customer_has_a_location_too(sandbox: Sandbox) -> None:
    customer = sandbox.client.v1.customers.create({"email": "ada+location_JP@example.com"})
    session = open_session(sandbox, customer=customer.id, **ON)
    pay(Client(), session)
    assert details(retrieve(sandbox, session.id)) == (convert(1900, "usd", "jpy"), "jpy")


def test_zero_decimal_currencies_are_converted() -> None:
    assert convert(100, "usd", "jpy") == 155
    assert convert(155, "jpy", "usd") == 100


def test_switch_turns_on_adaptive_pricing_by_default(sandbox: Sandbox) -> None:
    sandbox.switches(presentment_currency="gbp")
    session = open_session(sandbox)
    sandbox.switches(presentment_currency="")
    pay(Client(), session)
    found = retrieve(sandbox, session.id)
    assert (found.adaptive_pricing.enabled, details(found)) == (True, (convert(1900, "usd", "gbp"), "gbp"))
    assert not open_session(sandbox).adaptive_pricing.enabled
    sandbox.switches(presentment_currency="gbp")
    refused = open_session(sandbox, adaptive_pricing={"enabled": False})
    assert not refused.adaptive_pricing.enabled


def test_refunds_use_the_exchange_rate_of_the_charge(sandbox: Sandbox) -> None:
    session = buy(sandbox)
    charge = session.payment_intent.latest_charge
    part = sandbox.client.v1.refunds.create({"charge": charge.id, "amount": 950})
    paid = details(charge)
    assert paid
    assert details(part) == ((paid[0] + 1) // 2, "eur")
    other = buy(sandbox).payment_intent.latest_charge
    assert details(sandbox.client.v1.refunds.create({"charge": other.id})) == paid


def test_subscription_renews_in_the_local_currency(sandbox: Sandbox) -> None:
    session = buy(sandbox, interval="month")
    subscription = session.subscription
    assert subscription.presentment_details.presentment_currency == "eur"
    (created,) = sandbox.events("customer.subscription.created")
    assert created["data"]["object"]["presentment_details"] == {"presentment_currency": "eur"}
    panel_actions.advance_to_renewal(subscription.id)
    charges = sandbox.client.v1.charges.list({"customer": str(session.customer)}).data
    assert [details(charge) for charge in charges] == [(convert(1900, "usd", "eur"), "eur")] * 2
    (renewal, _) = sandbox.client.v1.invoices.list({"subscription": subscription.id}).data
    assert (renewal.amount_paid, renewal.currency) == (1900, "usd")


def test_first_charge_after_a_trial_is_in_the_local_currency(sandbox: Sandbox) -> None:
    session = buy(sandbox, interval="month", subscription_data={"trial_period_days": 7})
    assert details(session) is None
    panel_actions.advance_to_renewal(session.subscription.id)
    (charge,) = sandbox.client.v1.charges.list({"customer": str(session.customer)}).data
    assert details(charge) == (convert(1900, "usd", "eur"), "eur")


def test_promotion_code_changes_the_local_amount(sandbox: Sandbox) -> None:
    coupon = sandbox.client.v1.coupons.create({"percent_off": 50, "duration": "once"}).id
    promotion: Any = {"type": "coupon", "coupon": coupon}
    sandbox.client.v1.promotion_codes.create({"promotion": promotion, "code": "HALF"})
    session = open_session(sandbox, customer_email=FRANCE, allow_promotion_codes=True, **ON)
    pay(Client(), session, cardNumber="4000000000000002")
    pay(Client(), session, promotionCode="HALF")
    pay(Client(), session)
    found = retrieve(sandbox, session.id)
    assert found.amount_total == 950
    assert (
        details(found)
        == details(found.payment_intent)
        == details(found.payment_intent.latest_charge)
        == (convert(950, "usd", "eur"), "eur")
    )


def test_bank_debit_is_not_offered_in_another_currency(sandbox: Sandbox) -> None:
    price = sandbox.product(currency="eur").default_price
    line: Any = [{"price": str(price), "quantity": 1}]
    for email, offered in (("ada+location_DE@example.com", True), ("ada+location_US@example.com", False)):
        session = open_session(sandbox, line_items=line, customer_email=email, **ON)
        assert ("sepa_debit" in Client().get(page(session)).content.decode()) is offered
