"""Payment and setup intents that the store creates and confirms with the API."""

from __future__ import annotations

from typing import Any

import pytest
import stripe
from django.test import Client
from test_checkout_page import open_session, pay

from stripe_sandbox.testing import Sandbox

NO_REDIRECTS = {"enabled": True, "allow_redirects": "never"}
RETURN = "https://shop.example/done?order=7"


def pay_with(sandbox: Sandbox, token: str, **params: Any) -> stripe.PaymentIntent:
    base: Any = {
        "amount": 1900,
        "currency": "usd",
        "confirm": True,
        "automatic_payment_methods": NO_REDIRECTS,
    }
    return sandbox.client.v1.payment_intents.create({**base, "payment_method": token, **params})


def kinds(sandbox: Sandbox) -> list[str]:
    return [event["type"] for event in sandbox.events() if not event["type"].startswith("customer")]


def test_payment_succeeds(sandbox: Sandbox) -> None:
    intent: Any = pay_with(sandbox, "pm_card_visa", metadata={"order": "7"}, expand=["latest_charge"])
    assert (intent.status, intent.amount_received, intent.latest_charge.status) == (
        "succeeded",
        1900,
        "succeeded",
    )
    assert kinds(sandbox) == ["payment_intent.created", "charge.succeeded", "payment_intent.succeeded"]
    refund = sandbox.client.v1.refunds.create({"payment_intent": intent.id})
    assert refund.status == "succeeded"


def test_payment_is_confirmed_later(sandbox: Sandbox) -> None:
    params: Any = {"amount": 1900, "currency": "usd", "automatic_payment_methods": NO_REDIRECTS}
    intent = sandbox.client.v1.payment_intents.create(params)
    assert intent.status == "requires_payment_method"
    with pytest.raises(stripe.InvalidRequestError, match="missing a payment method"):
        sandbox.client.v1.payment_intents.confirm(intent.id)
    confirmed = sandbox.client.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})
    assert confirmed.status == "succeeded"
    for call in (sandbox.client.v1.payment_intents.confirm, sandbox.client.v1.payment_intents.cancel):
        with pytest.raises(stripe.InvalidRequestError) as caught:
            call(intent.id)
        assert caught.value.code == "payment_intent_unexpected_state"


@pytest.mark.parametrize(
    ("token", "code", "decline_code"),
    [
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", None),
        ("pm_card_chargeCustomerFail", "card_declined", "generic_decline"),
    ],
)
def test_declined_payment_can_be_tried_again(
    sandbox: Sandbox, token: str, code: str, decline_code: str
) -> None:
    with pytest.raises(stripe.CardError) as caught:
        pay_with(sandbox, token)
    error: Any = caught.value.error
    assert (error.code, error.decline_code) == (code, decline_code)
    intent = sandbox.client.v1.payment_intents.retrieve(error.payment_intent.id)
    assert intent.status == "requires_payment_method"
    assert intent.last_payment_error is not None
    assert intent.last_payment_error.code == code
    assert kinds(sandbox)[-2:] == ["charge.failed", "payment_intent.payment_failed"]
    assert (
        sandbox.client.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"}).status
        == "succeeded"
    )


@pytest.mark.parametrize(("outcome", "status"), [("complete", "succeeded"), ("fail", "failed")])
def test_buyer_answers_3d_secure(sandbox: Sandbox, outcome: str, status: str) -> None:
    intent: Any = pay_with(sandbox, "pm_card_authenticationRequired", return_url=RETURN)
    assert intent.status == "requires_action"
    path = intent.next_action.redirect_to_url.url.removeprefix("http://127.0.0.1:8000")
    buyer = Client()
    assert 'id="test-source-authorize-3ds"' in buyer.get(path).content.decode()
    back = buyer.post(path, {"outcome": outcome})["Location"]
    assert back.startswith(f"{RETURN}&payment_intent={intent.id}")
    assert back.endswith(f"redirect_status={status}")
    after = sandbox.client.v1.payment_intents.retrieve(intent.id)
    assert after.status == ("succeeded" if status == "succeeded" else "requires_payment_method")
    assert buyer.get(path).status_code == 404


def test_off_session_payment_needs_no_page(sandbox: Sandbox) -> None:
    customer = sandbox.client.v1.customers.create({"email": "ada@example.com"}).id
    saved: Any = pay_with(sandbox, "pm_card_visa", customer=customer, setup_future_usage="off_session")
    again: Any = pay_with(sandbox, saved.payment_method, customer=customer, off_session=True)
    assert (again.status, again.payment_method) == ("succeeded", saved.payment_method)
    with pytest.raises(stripe.CardError) as caught:
        pay_with(sandbox, "pm_card_authenticationRequired", off_session=True)
    assert caught.value.code == "authentication_required"


def test_return_url_is_required_for_redirects(sandbox: Sandbox) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="you must provide a `return_url`") as caught:
        pay_with(sandbox, "pm_card_visa", automatic_payment_methods={"enabled": True})
    assert caught.value.param == "return_url"


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"amount": 49}, "amount_too_small"),
        ({"amount": 10**8}, "amount_too_large"),
        ({"amount": 1001, "currency": "kwd"}, "invalid_charge_amount"),
        ({"receipt_email": "ada"}, "email_invalid"),
        ({"payment_method": "pm_nothing"}, "resource_missing"),
    ],
)
def test_invalid_payment_is_refused(sandbox: Sandbox, params: Any, code: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        pay_with(sandbox, "pm_card_visa", **params)
    assert caught.value.code == code
    assert sandbox.client.v1.payment_intents.list().data == []


def test_card_of_another_customer_is_refused(sandbox: Sandbox) -> None:
    ada, eve = (
        sandbox.client.v1.customers.create({"email": f"{name}@example.com"}).id for name in ("ada", "eve")
    )
    card = sandbox.client.v1.payment_methods.attach("pm_card_visa", {"customer": ada}).id
    for customer in ({"customer": eve}, {}):
        with pytest.raises(stripe.InvalidRequestError, match="attached to a customer"):
            pay_with(sandbox, card, **customer)


def test_payment_of_checkout_cannot_be_confirmed(sandbox: Sandbox) -> None:
    pay(Client(), open_session(sandbox))
    (intent,) = sandbox.client.v1.payment_intents.list().data
    with pytest.raises(stripe.InvalidRequestError, match="created by Checkout"):
        sandbox.client.v1.payment_intents.cancel(intent.id)


def test_cancellation_stores_the_reason_and_emits_an_event(sandbox: Sandbox) -> None:
    intent = sandbox.client.v1.payment_intents.create({"amount": 900, "currency": "usd"})
    canceled = sandbox.client.v1.payment_intents.cancel(intent.id, {"cancellation_reason": "abandoned"})
    assert (canceled.status, canceled.cancellation_reason) == ("canceled", "abandoned")
    assert kinds(sandbox)[-1] == "payment_intent.canceled"


def test_setup_saves_the_card(sandbox: Sandbox) -> None:
    v1 = sandbox.client.v1
    customer = v1.customers.create({"email": "ada@example.com"}).id
    base: Any = {"customer": customer, "automatic_payment_methods": NO_REDIRECTS}
    setup = v1.setup_intents.create({**base, "payment_method": "pm_card_mastercard", "confirm": True})
    assert setup.status == "succeeded"
    (card,) = v1.payment_methods.list({"customer": customer, "type": "card"}).data
    assert card.id == setup.payment_method
    with pytest.raises(stripe.CardError):
        v1.setup_intents.create({**base, "payment_method": "pm_card_visa_chargeDeclined", "confirm": True})
    challenged: Any = v1.setup_intents.create(
        {**base, "payment_method": "pm_card_authenticationRequiredOnSetup"}
    )
    challenged = v1.setup_intents.confirm(challenged.id, {"return_url": RETURN})
    path = challenged.next_action.redirect_to_url.url.removeprefix("http://127.0.0.1:8000")
    assert "setup_intent=" in Client().post(path, {"outcome": "complete"})["Location"]
    assert len(v1.payment_methods.list({"customer": customer}).data) == 2
    pending = v1.setup_intents.create(base)
    assert v1.setup_intents.cancel(pending.id).status == "canceled"


def test_detached_card_pays_nothing(sandbox: Sandbox) -> None:
    v1 = sandbox.client.v1
    customer = v1.customers.create({"email": "ada@example.com"}).id
    card = v1.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    v1.customers.update(customer, {"invoice_settings": {"default_payment_method": card}})
    assert v1.payment_methods.detach(card).customer is None
    assert v1.payment_methods.list({"customer": customer}).data == []
    settings: Any = v1.customers.retrieve(customer).invoice_settings
    assert settings.default_payment_method is None
    for call in (
        lambda: v1.payment_methods.detach(card),
        lambda: v1.payment_methods.attach(card, {"customer": customer}),
        lambda: pay_with(sandbox, card),
    ):
        with pytest.raises(stripe.InvalidRequestError):
            call()
