from __future__ import annotations

import time
from typing import Any

import pytest
import stripe
from django.test import Client
from test_checkout_page import open_session, pay

from stripe_sandbox import cards, scheduled_actions
from stripe_sandbox.testing import Sandbox


def create_dispute(sandbox: Sandbox, number: str = "4000000000000259") -> stripe.Dispute:
    """Return the dispute that a payment by this card causes."""
    pay(Client(), open_session(sandbox), cards.BY_NUMBER[number])
    scheduled_actions.run_due(time.time() + 60)
    return sandbox.client.v1.disputes.list({"expand": ["data.charge"]}).data[0]


def submit_evidence(sandbox: Sandbox, dispute: stripe.Dispute, evidence: str, **more: Any) -> stripe.Dispute:
    """Submit evidence and wait for the bank's response."""
    sandbox.client.v1.disputes.update(dispute.id, {"evidence": {"uncategorized_text": evidence}, **more})
    scheduled_actions.run_due(time.time() + 60)
    return sandbox.client.v1.disputes.retrieve(dispute.id)


def dispute_events(sandbox: Sandbox) -> list[str]:
    return [event["type"].removeprefix("charge.dispute.") for event in sandbox.events("charge.dispute.*")]


@pytest.mark.parametrize(
    ("number", "reason"), [("4000000000000259", "fraudulent"), ("4000000000002685", "product_not_received")]
)
def test_chargeback_withdraws_money(sandbox: Sandbox, number: str, reason: str) -> None:
    dispute = create_dispute(sandbox, number)
    assert (dispute.status, dispute.reason, dispute.amount) == ("needs_response", reason, 1900)
    assert not dispute.is_charge_refundable
    charge: Any = dispute.charge
    assert (charge.disputed, charge.amount_refunded, charge.status) == (True, 0, "succeeded")
    assert [entry.net for entry in dispute.balance_transactions] == [-3400]
    assert dispute_events(sandbox) == ["created", "funds_withdrawn"]
    found = sandbox.client.v1.disputes.list({"payment_intent": str(dispute.payment_intent)}).data
    assert [row.id for row in found] == [dispute.id]
    with pytest.raises(stripe.InvalidRequestError) as raised:
        sandbox.client.v1.refunds.create({"charge": charge.id})
    assert raised.value.code == "charge_disputed"


def test_dispute_is_delayed(sandbox: Sandbox) -> None:
    pay(Client(), open_session(sandbox), cards.BY_NUMBER["4000000000000259"])
    assert scheduled_actions.run_due() == 0
    assert sandbox.client.v1.disputes.list().data == []


def test_refund_prevents_scheduled_dispute(sandbox: Sandbox) -> None:
    pay(Client(), open_session(sandbox), cards.BY_NUMBER["4000000000000259"])
    sandbox.client.v1.refunds.create({"charge": sandbox.client.v1.charges.list().data[0].id})
    scheduled_actions.run_due(time.time() + 60)
    assert sandbox.client.v1.disputes.list().data == []


def test_inquiry_moves_no_money_and_allows_a_refund(sandbox: Sandbox) -> None:
    dispute = create_dispute(sandbox, "4000000000001976")
    assert (dispute.status, dispute.is_charge_refundable) == ("warning_needs_response", True)
    assert dispute.balance_transactions == []
    assert dispute_events(sandbox) == ["created"]
    charge: Any = dispute.charge
    assert sandbox.client.v1.refunds.create({"charge": charge.id}).status == "succeeded"
    assert submit_evidence(sandbox, dispute, "winning_evidence").status == "warning_closed"
    assert dispute_events(sandbox) == ["created", "updated", "closed"]


def test_inquiry_can_become_a_chargeback(sandbox: Sandbox) -> None:
    dispute = submit_evidence(
        sandbox, create_dispute(sandbox, "4000000000001976"), "escalate_inquiry_evidence"
    )
    assert (dispute.status, dispute.is_charge_refundable) == ("needs_response", False)
    assert dispute_events(sandbox) == ["created", "updated", "updated", "funds_withdrawn"]
    assert submit_evidence(sandbox, dispute, "losing_evidence").status == "lost"


@pytest.mark.parametrize(
    ("evidence", "status", "events", "net"),
    [
        ("winning_evidence", "won", ["closed", "funds_reinstated"], 0),
        ("losing_evidence", "lost", ["closed"], -3400),
        ("I sent it by post.", "under_review", [], -3400),
    ],
)
def test_evidence_decides_dispute(
    sandbox: Sandbox, evidence: str, status: str, events: list[str], net: int
) -> None:
    dispute = submit_evidence(sandbox, create_dispute(sandbox), evidence)
    assert (dispute.status, dispute.evidence_details.submission_count) == (status, 1)
    assert sum(entry.net for entry in dispute.balance_transactions) == net
    assert dispute_events(sandbox) == ["created", "funds_withdrawn", "updated", *events]


def test_unsubmitted_evidence_does_not_decide(sandbox: Sandbox) -> None:
    dispute = submit_evidence(sandbox, create_dispute(sandbox), "winning_evidence", submit=False)
    assert (dispute.status, dispute.evidence_details.has_evidence) == ("needs_response", True)
    assert submit_evidence(sandbox, dispute, "winning_evidence").status == "won"


def test_closing_dispute_loses_it_once(sandbox: Sandbox) -> None:
    dispute = create_dispute(sandbox)
    assert sandbox.client.v1.disputes.close(dispute.id).status == "lost"
    assert dispute_events(sandbox)[-1] == "closed"
    with pytest.raises(stripe.InvalidRequestError, match="already closed"):
        sandbox.client.v1.disputes.close(dispute.id)
    with pytest.raises(stripe.InvalidRequestError, match="takes no more evidence"):
        submit_evidence(sandbox, dispute, "winning_evidence")


def test_early_fraud_warning_is_created(sandbox: Sandbox) -> None:
    pay(Client(), open_session(sandbox), cards.BY_NUMBER["4000000000005423"])
    scheduled_actions.run_due(time.time() + 60)
    (warning,) = sandbox.client.v1.radar.early_fraud_warnings.list().data
    assert warning.actionable
    assert len(sandbox.events("radar.early_fraud_warning.created")) == 1
    assert dispute_events(sandbox) == []
