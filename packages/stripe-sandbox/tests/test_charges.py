"""Charges of a customer over time: attempts, refunds and disputes of any period."""

from __future__ import annotations

import time
from typing import Any

import pytest
import stripe
from django.test import Client
from test_billing import DAY, Subscriber, timestamp
from test_checkout_page import open_session, pay

from stripe_sandbox import cards, scheduled_actions, storage
from stripe_sandbox.billing import panel_actions
from stripe_sandbox.panel import actions
from stripe_sandbox.testing import Sandbox


@pytest.fixture
def subscriber(sandbox: Any) -> Subscriber:
    """Return a subscriber with four paid periods, from January to April 2031."""
    subscriber = Subscriber(sandbox, start="2031-01-05")
    subscriber.advance("2031-03-01", "2031-04-10")
    return subscriber


def charges(subscriber: Subscriber) -> list[Any]:
    """Return the customer's charges, oldest first."""
    params = {"customer": subscriber.customer, "limit": 100, "expand": ["data.refunds"]}
    return list(subscriber.v1.charges.list(params).data)[::-1]


def invoices(subscriber: Subscriber) -> list[Any]:
    """Return the invoices with their payments, oldest first."""
    params = {"subscription": subscriber.id, "limit": 100, "expand": ["data.payments"]}
    return list(subscriber.v1.invoices.list(params).data)[::-1]


def perform(object_id: str, action: str, **form: str) -> None:
    """Press a button of the control panel."""
    actions.perform(storage.get(object_id) or {}, action, form)


# --- attempts ---------------------------------------------------------------------------------------------


def test_each_attempt_of_a_subscription_is_a_charge(sandbox: Any) -> None:
    subscriber = Subscriber(sandbox, start="2031-01-05", token="pm_card_chargeCustomerFail")
    good = subscriber.attach("pm_card_visa")
    subscriber.v1.invoices.pay(subscriber.now.latest_invoice.id, {"payment_method": good})
    subscriber.update(default_payment_method=good)
    panel_actions.fail_next_renewal(subscriber.id)
    subscriber.advance("2031-02-06", "2031-02-09")  # the renewal, and the first retry three days later
    subscriber.update(default_payment_method=subscriber.attach("pm_card_mastercard"))
    subscriber.advance("2031-02-15")
    found = charges(subscriber)
    assert [charge.status for charge in found] == ["failed", "succeeded", "failed", "failed", "succeeded"]
    for failed in (found[0], found[2], found[3]):
        assert (failed.failure_code, failed.failure_message) == ("card_declined", "Your card was declined.")
        assert (failed.outcome.type, failed.outcome.reason) == ("issuer_declined", "generic_decline")
        assert (failed.paid, failed.captured, failed.amount_captured) == (False, False, 0)
        assert failed.balance_transaction is None
    assert [charge.created for charge in found[2:4]] == [
        timestamp("2031-02-05 01:00"),
        timestamp("2031-02-08 01:00"),
    ]
    first, renewal = invoices(subscriber)
    for invoice, attempts in ((first, found[:2]), (renewal, found[2:])):
        (payment,) = invoice.payments.data
        assert (payment.status, payment.amount_paid, payment.is_default) == ("paid", 900, True)
        assert {charge.payment_intent for charge in attempts} == {payment.payment.payment_intent}


def test_declined_checkout_is_in_the_customers_charges(sandbox: Sandbox) -> None:
    customer = sandbox.client.v1.customers.create({"email": "ada@example.com"}).id
    session = open_session(sandbox, interval="month", customer=customer)
    for number in ("4000000000009995", "4000000000000069", "4242424242424242"):
        pay(Client(), session, cards.BY_NUMBER[number])
    found = sandbox.client.v1.charges.list({"customer": customer}).data
    declines = [(charge.failure_code, charge.outcome.reason) for charge in found[1:] if charge.outcome]
    assert found[0].status == "succeeded"
    assert declines == [("expired_card", "expired_card"), ("card_declined", "insufficient_funds")]
    assert len({str(charge.payment_intent) for charge in found}) == 1


def test_open_invoice_has_an_open_payment(sandbox: Any) -> None:
    subscriber = Subscriber(sandbox, token="pm_card_chargeCustomerFail")
    (invoice,) = invoices(subscriber)
    (payment,) = invoice.payments.data
    assert (invoice.status, payment.status, payment.amount_paid) == ("open", "open", None)
    assert payment.amount_requested == 900


def test_charges_of_deleted_customer_remain(subscriber: Subscriber) -> None:
    subscriber.v1.customers.delete(subscriber.customer)
    found = charges(subscriber)
    assert [charge.status for charge in found] == ["succeeded"] * 4
    assert len(invoices(subscriber)) == 4
    refund = subscriber.v1.refunds.create({"charge": found[1].id})
    assert charges(subscriber)[1].amount_refunded == 900
    assert refund.created == timestamp("2031-04-10")


# --- refunds of any period --------------------------------------------------------------------------------


def test_panel_refunds_an_old_invoice_several_times(subscriber: Subscriber) -> None:
    second = invoices(subscriber)[1]
    perform(second.id, "refund", amount="2.00")
    perform(second.id, "refund", amount="3.00")
    subscriber.v1.refunds.create(
        {"payment_intent": second.payments.data[0].payment.payment_intent, "amount": 150}
    )
    found = charges(subscriber)
    assert [charge.amount_refunded for charge in found] == [0, 650, 0, 0]
    assert [refund.amount for refund in found[1].refunds.data] == [150, 300, 200]
    assert {refund.created for refund in found[1].refunds.data} == {timestamp("2031-04-10")}
    assert not found[1].refunded
    refunded = [event["data"]["object"] for event in subscriber.sandbox.events("charge.refunded")]
    assert [charge["amount_refunded"] for charge in refunded] == [200, 500, 650]
    assert subscriber.now.status == "active"


@pytest.mark.parametrize(
    ("outcome", "end", "status"),
    [
        ("refund_pending", "succeed", "succeeded"),
        ("refund_pending", "fail", "failed"),
        ("refund_pending", "cancel", "canceled"),
        ("refund_requires_action", "succeed", "succeeded"),
        ("refund_requires_action", "cancel", "canceled"),
        ("refund", "fail", "failed"),
    ],
)
def test_panel_ends_a_refund(subscriber: Subscriber, outcome: str, end: str, status: str) -> None:
    charge = charges(subscriber)[1]
    perform(charge.id, outcome, amount="4.00")
    refund = charges(subscriber)[1].refunds.data[0]
    assert refund.status == {"refund": "succeeded"}.get(outcome, outcome.removeprefix("refund_"))
    perform(refund.id, end)
    charge = charges(subscriber)[1]
    (refund,) = charge.refunds.data
    assert (refund.status, charge.amount_refunded) == (status, 400 if status == "succeeded" else 0)
    assert getattr(refund, "failure_reason", None) == (
        "expired_or_canceled_card" if status == "failed" else None
    )
    assert scheduled_actions.run_due(time.time() + 60) == 0
    assert "hurry" not in available(refund.id)


def test_only_refunds_that_require_action_are_canceled_by_the_api(subscriber: Subscriber) -> None:
    charge = charges(subscriber)[0]
    perform(charge.id, "refund_requires_action", amount="9.00")
    waiting = subscriber.v1.refunds.list({"charge": charge.id}).data[0]
    assert waiting.next_action.type == "display_details"
    assert subscriber.v1.refunds.cancel(waiting.id).status == "canceled"
    done = subscriber.v1.refunds.create({"charge": charge.id})
    with pytest.raises(stripe.InvalidRequestError, match="cannot be canceled"):
        subscriber.v1.refunds.cancel(done.id)


def test_refund_that_fails_later_reduces_amount_refunded(subscriber: Subscriber) -> None:
    charge = charges(subscriber)[1]
    subscriber.v1.refunds.create({"charge": charge.id, "amount": 250})
    perform(charge.id, "refund_fails", amount="6.50")
    assert charges(subscriber)[1].refunded
    scheduled_actions.run_due(time.time() + 60)
    charge = charges(subscriber)[1]
    assert (charge.amount_refunded, charge.refunded) == (250, False)
    assert [refund.status for refund in charge.refunds.data] == ["failed", "succeeded"]


# --- disputes of any period -------------------------------------------------------------------------------


def test_panel_disputes_an_old_invoice(subscriber: Subscriber) -> None:
    second = invoices(subscriber)[1]
    perform(second.id, "dispute", choice="dispute_not_received")
    dispute = subscriber.v1.disputes.list().data[0]
    assert dispute.payment_intent == second.payments.data[0].payment.payment_intent
    assert dispute.created == timestamp("2031-04-10")
    assert 7 * DAY < dispute.evidence_details.due_by - dispute.created <= 21 * DAY
    assert [charge.disputed for charge in charges(subscriber)] == [False, True, False, False]
    assert subscriber.now.status == "active"
    perform(dispute.id, "win")
    types = [event["type"] for event in subscriber.sandbox.events("charge.dispute.*")]
    assert sorted(types) == [
        "charge.dispute.closed",
        "charge.dispute.created",
        "charge.dispute.funds_reinstated",
        "charge.dispute.funds_withdrawn",
    ]
    assert {event["created"] for event in subscriber.sandbox.events("charge.dispute.*")} == {
        timestamp("2031-04-10")
    }


def test_charge_can_be_disputed_again_unless_it_was_lost(subscriber: Subscriber) -> None:
    charge = charges(subscriber)[2].id
    for choice, end in (
        ("dispute_inquiry", "lose"),
        ("dispute_fraudulent", "win"),
        ("dispute_not_received", "lose"),
    ):
        perform(charge, "dispute", choice=choice)
        perform(subscriber.v1.disputes.list().data[0].id, end)
    found = subscriber.v1.disputes.list({"charge": charge}).data
    assert [dispute.status for dispute in found] == ["lost", "won", "warning_closed"]
    assert "dispute" not in available(charge)


def test_dispute_takes_what_is_not_refunded(subscriber: Subscriber) -> None:
    charge = charges(subscriber)[0].id
    perform(charge, "refund", amount="4.00")
    perform(charge, "dispute", choice="dispute_fraudulent")
    assert subscriber.v1.disputes.list().data[0].amount == 500
    other = charges(subscriber)[1].id
    perform(other, "refund", amount="9.00")
    assert "dispute" not in available(other)


def available(object_id: str) -> list[str]:
    return [button.action.name for button in actions.available_buttons(storage.get(object_id) or {})]


def test_inquiry_that_becomes_a_chargeback_has_a_new_deadline(subscriber: Subscriber) -> None:
    perform(charges(subscriber)[0].id, "dispute", choice="dispute_inquiry")
    inquiry = subscriber.v1.disputes.list().data[0]
    subscriber.advance("2031-04-14")
    perform(inquiry.id, "escalate")
    dispute = subscriber.v1.disputes.retrieve(inquiry.id)
    assert dispute.evidence_details.due_by == inquiry.evidence_details.due_by + 4 * DAY
