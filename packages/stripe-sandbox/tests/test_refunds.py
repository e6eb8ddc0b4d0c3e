from __future__ import annotations

import time
from typing import Any

import pytest
import stripe
from django.test import Client
from test_checkout_page import get_only_intent, open_session, pay

from stripe_sandbox import cards, scheduled_actions, storage
from stripe_sandbox.panel import actions
from stripe_sandbox.testing import Sandbox


def create_payment(sandbox: Sandbox, number: str = "4242424242424242") -> stripe.PaymentIntent:
    """Create a payment of $19 by this card."""
    pay(Client(), open_session(sandbox), cards.BY_NUMBER[number])
    return get_only_intent(sandbox)


def retrieve_charge(sandbox: Sandbox, intent: stripe.PaymentIntent) -> Any:
    expand: Any = {"expand": ["latest_charge.refunds"]}
    return sandbox.client.v1.payment_intents.retrieve(intent.id, expand).latest_charge


def refund(sandbox: Sandbox, **params: Any) -> stripe.Refund:
    refund_params: Any = params
    return sandbox.client.v1.refunds.create(refund_params)


def types(sandbox: Sandbox) -> list[str]:
    """Return event types since the payment."""
    event_types = [event["type"] for event in sandbox.events()]
    return event_types[event_types.index("checkout.session.completed") + 1 :]


def test_default_refund_is_full(sandbox: Sandbox) -> None:
    intent = create_payment(sandbox)
    created = refund(
        sandbox, payment_intent=intent.id, reason="requested_by_customer", metadata={"ticket": "7"}
    )
    assert (created.status, created.amount, created.currency) == ("succeeded", 1900, "usd")
    assert (created.reason, created.payment_intent) == ("requested_by_customer", intent.id)
    charge = retrieve_charge(sandbox, intent)
    assert (charge.amount_refunded, charge.refunded, charge.status) == (1900, True, "succeeded")
    assert [row.id for row in charge.refunds.data] == [created.id]
    assert types(sandbox) == ["refund.created", "charge.refunded"]
    assert sandbox.events("charge.refunded")[0]["data"]["object"]["amount_refunded"] == 1900


def test_partial_refunds_add_up(sandbox: Sandbox) -> None:
    intent = create_payment(sandbox)
    refund(sandbox, payment_intent=intent.id, amount=500)
    charge = retrieve_charge(sandbox, intent)
    assert (charge.amount_refunded, charge.refunded) == (500, False)
    rest = refund(sandbox, charge=charge.id)
    charge = retrieve_charge(sandbox, intent)
    assert (rest.amount, charge.amount_refunded, charge.refunded) == (1400, 1900, True)
    listed = sandbox.client.v1.refunds.list({"payment_intent": intent.id}).data
    assert [row.amount for row in listed] == [1400, 500]


@pytest.mark.parametrize(
    ("first", "then", "message"),
    [
        (0, 1901, "Refund amount ($19.01) is greater than charge amount ($19.00)"),
        (1000, 901, "Refund amount ($9.01) is greater than unrefunded amount on charge ($9.00)"),
        (0, -1, "Invalid positive integer"),
    ],
)
def test_refund_cannot_exceed_the_payment(sandbox: Sandbox, first: int, then: int, message: str) -> None:
    intent = create_payment(sandbox)
    if first:
        refund(sandbox, payment_intent=intent.id, amount=first)
    with pytest.raises(stripe.InvalidRequestError) as raised:
        refund(sandbox, payment_intent=intent.id, amount=then)
    assert (raised.value.user_message, raised.value.param) == (message, "amount")


def test_invalid_refund_has_an_error_code(sandbox: Sandbox) -> None:
    intent = create_payment(sandbox)
    refund(sandbox, payment_intent=intent.id)
    for params, code in (
        ({"payment_intent": intent.id}, "charge_already_refunded"),
        ({"payment_intent": "pi_nothing"}, "resource_missing"),
        ({}, "parameter_missing"),
    ):
        with pytest.raises(stripe.InvalidRequestError) as raised:
            refund(sandbox, **params)
        assert raised.value.code == code


def test_unpaid_intent_cannot_be_refunded(sandbox: Sandbox) -> None:
    intent = create_payment(sandbox, "4000000000000002")
    with pytest.raises(stripe.InvalidRequestError, match="does not have a successful charge"):
        refund(sandbox, payment_intent=intent.id)


def test_pending_refund_succeeds_later(sandbox: Sandbox) -> None:
    intent = create_payment(sandbox, "4000000000007726")
    created = refund(sandbox, payment_intent=intent.id)
    assert (created.status, created.pending_reason) == ("pending", "processing")
    assert scheduled_actions.run_due() == 0
    assert scheduled_actions.run_due(time.time() + 60) == 1
    assert sandbox.client.v1.refunds.retrieve(created.id).status == "succeeded"
    assert types(sandbox) == ["refund.created", "charge.refunded", "refund.updated", "charge.refund.updated"]
    (event,) = sandbox.events("refund.updated")
    assert event["data"]["previous_attributes"] == {"status": "pending", "pending_reason": "processing"}


def test_refund_waits_while_the_balance_is_too_low(sandbox: Sandbox) -> None:
    """https://docs.stripe.com/refunds: it is pending until the account's balance covers it."""
    intent = create_payment(sandbox)
    sandbox.switches(low_balance=True)
    created = refund(sandbox, payment_intent=intent.id)
    assert (created.status, created.pending_reason) == ("pending", "insufficient_funds")
    assert retrieve_charge(sandbox, intent).amount_refunded == 1900
    assert scheduled_actions.run_due(time.time() + 60) == 0
    actions.perform(storage.get(created.id) or {}, "succeed", {})
    assert sandbox.client.v1.refunds.retrieve(created.id).status == "succeeded"
    (event,) = sandbox.events("refund.updated")
    assert event["data"]["previous_attributes"] == {
        "status": "pending",
        "pending_reason": "insufficient_funds",
    }


def test_disputed_payment_cannot_be_refunded(sandbox: Sandbox) -> None:
    intent = create_payment(sandbox, "4000000000000259")
    scheduled_actions.run_due(time.time() + 60)
    with pytest.raises(stripe.InvalidRequestError) as raised:
        refund(sandbox, payment_intent=intent.id)
    assert raised.value.code == "charge_disputed"


def test_inquiry_can_be_refunded(sandbox: Sandbox) -> None:
    """An inquiry takes no money, and a full refund ends it. https://docs.stripe.com/disputes/how-disputes-work"""
    intent = create_payment(sandbox, "4000000000001976")
    scheduled_actions.run_due(time.time() + 60)
    assert refund(sandbox, payment_intent=intent.id).status == "succeeded"


@pytest.mark.parametrize("amount", [700, 1900])
def test_failed_refund_is_subtracted_from_the_charge(sandbox: Sandbox, amount: int) -> None:
    intent = create_payment(sandbox, "4000000000005126")
    created = refund(sandbox, payment_intent=intent.id, amount=amount)
    assert created.status == "succeeded"
    assert retrieve_charge(sandbox, intent).amount_refunded == amount
    scheduled_actions.run_due(time.time() + 60)
    created = sandbox.client.v1.refunds.retrieve(created.id)
    assert (created.status, created.failure_reason) == ("failed", "expired_or_canceled_card")
    charge = retrieve_charge(sandbox, intent)
    assert (charge.amount_refunded, charge.refunded) == (0, False)
    assert types(sandbox)[2:] == ["refund.updated", "charge.refund.updated", "refund.failed"]
    again = refund(sandbox, payment_intent=intent.id)
    assert again.amount == 1900


def test_refund_update_changes_only_metadata(sandbox: Sandbox) -> None:
    intent = create_payment(sandbox)
    created = refund(sandbox, payment_intent=intent.id, metadata={"a": "1", "b": "2"})
    created = sandbox.client.v1.refunds.update(created.id, {"metadata": {"a": "", "c": "3"}})
    assert created.metadata is not None
    assert created.metadata.to_dict() == {"b": "2", "c": "3"}
    assert types(sandbox)[2:] == ["refund.updated", "charge.refund.updated"]
