"""A payment method belongs to one customer. https://docs.stripe.com/api/payment_methods/attach"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import stripe
from django.test import Client
from test_billing import Subscriber
from test_checkout_page import get_only_intent, open_session, pay

from stripe_sandbox import cards
from stripe_sandbox.testing import Sandbox


@pytest.fixture
def eve(sandbox: Any) -> Any:
    """Return a customer with a card."""
    return sandbox.client.v1.customers.create({"email": "eve@example.com"})


@pytest.fixture
def card(sandbox: Any, eve: Any) -> str:
    return str(sandbox.client.v1.payment_methods.attach("pm_card_visa", {"customer": eve.id}).id)


USES: dict[str, tuple[Callable[[Subscriber, str], object], str]] = {
    "subscriptions.create": (
        lambda ada, card: ada.v1.subscriptions.create(
            {"customer": ada.customer, "items": [{"price": ada.price}], "default_payment_method": card}
        ),
        "default_payment_method",
    ),
    "subscriptions.update": (
        lambda ada, card: ada.update(default_payment_method=card),
        "default_payment_method",
    ),
    "invoices.pay": (
        lambda ada, card: ada.v1.invoices.pay(ada.invoices[0].id, {"payment_method": card}),
        "payment_method",
    ),
    "customers.update": (
        lambda ada, card: ada.v1.customers.update(
            ada.customer, {"invoice_settings": {"default_payment_method": card}}
        ),
        "invoice_settings[default_payment_method]",
    ),
    "customers.create": (
        lambda ada, card: ada.v1.customers.create({"invoice_settings": {"default_payment_method": card}}),
        "invoice_settings[default_payment_method]",
    ),
}


@pytest.mark.parametrize("use", USES)
def test_payment_method_of_another_customer_is_refused(sandbox: Any, card: str, use: str) -> None:
    ada = Subscriber(sandbox, token="pm_card_chargeCustomerFail")
    call, param = USES[use]
    with pytest.raises(stripe.InvalidRequestError) as raised:
        call(ada, card)
    assert (raised.value.code, raised.value.param) == ("resource_missing", param)
    assert raised.value.user_message == (
        f"The customer does not have a payment method with the ID {card}. The payment method must be attached to the"
        " customer."
    )
    assert ada.now.latest_invoice.status == "open"
    assert len(ada.v1.customers.list({"test_clock": ada.clock}).data) == 1


def test_customer_uses_own_payment_method(sandbox: Any, eve: Any, card: str) -> None:
    settings: Any = {"invoice_settings": {"default_payment_method": card}}
    assert (
        sandbox.client.v1.customers.update(eve.id, settings).invoice_settings.default_payment_method == card
    )
    unset: Any = {"invoice_settings": {"default_payment_method": ""}}
    assert sandbox.client.v1.customers.update(eve.id, unset).invoice_settings.default_payment_method is None


def test_attached_payment_method_cannot_change_its_customer(sandbox: Any, eve: Any, card: str) -> None:
    v1 = sandbox.client.v1
    other = v1.customers.create({}).id
    with pytest.raises(stripe.InvalidRequestError, match="already been attached to a customer"):
        v1.payment_methods.attach(card, {"customer": other})
    assert v1.payment_methods.attach(card, {"customer": eve.id}).customer == eve.id


def test_card_of_a_payment_that_did_not_save_it_cannot_be_attached(sandbox: Sandbox, eve: Any) -> None:
    pay(Client(), open_session(sandbox))
    method = str(get_only_intent(sandbox).payment_method)
    with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
        sandbox.client.v1.payment_methods.attach(method, {"customer": eve.id})


@pytest.mark.parametrize("token", [token for token, card in cards.BY_TOKEN.items() if not card.decline])
def test_every_token_becomes_its_card(sandbox: Sandbox, token: str) -> None:
    customer = sandbox.client.v1.customers.create({"email": "ada@example.com"}).id
    card = sandbox.client.v1.payment_methods.attach(token, {"customer": customer}).card
    expected = cards.BY_TOKEN[token]
    assert card is not None
    assert (card.last4, card.brand, card.country) == (expected.last4, expected.brand, expected.country)


def test_declined_card_cannot_be_attached(sandbox: Sandbox) -> None:
    customer = sandbox.client.v1.customers.create({"email": "ada@example.com"}).id
    with pytest.raises(stripe.CardError) as caught:
        sandbox.client.v1.payment_methods.attach("pm_card_chargeDeclinedExpiredCard", {"customer": customer})
    assert caught.value.code == "expired_card"


def test_failed_checks_and_risk_are_on_the_charge(sandbox: Sandbox) -> None:
    pay(Client(), open_session(sandbox), cards.BY_TOKEN["pm_card_avsZipFailElevatedRisk"])
    charge: Any = sandbox.client.v1.charges.list().data[0]
    checks = charge.payment_method_details.card.checks
    assert (checks.cvc_check, checks.address_postal_code_check) == ("pass", "fail")
    assert (charge.outcome.risk_level, charge.status) == ("elevated", "succeeded")


def test_detached_payment_method_is_no_default_and_cannot_be_used(sandbox: Any) -> None:
    v1 = sandbox.client.v1
    customer = v1.customers.create({}).id
    card = v1.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    v1.customers.update(customer, {"invoice_settings": {"default_payment_method": card}})
    assert [method.id for method in v1.customers.payment_methods.list(customer).data] == [card]
    assert v1.payment_methods.detach(card).customer is None
    assert v1.customers.retrieve(customer).invoice_settings.default_payment_method is None
    assert v1.customers.payment_methods.list(customer).data == []
    assert [event["data"]["previous_attributes"] for event in sandbox.events("payment_method.detached")] == [
        {"customer": customer}
    ]
    for refused in (
        lambda: v1.payment_methods.detach(card),
        lambda: v1.payment_methods.attach(card, {"customer": customer}),
        lambda: v1.customers.payment_methods.retrieve(customer, card),
    ):
        with pytest.raises(stripe.InvalidRequestError):
            refused()
