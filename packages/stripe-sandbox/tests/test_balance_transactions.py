"""https://docs.stripe.com/reports/balance-transaction-types"""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import pytest
from django.test import Client
from test_bank_debit import FAILURE_ACCOUNT, SUCCESS_ACCOUNT
from test_bank_debit import open_session as open_euro_session
from test_bank_debit import pay as pay_from_account
from test_billing import Subscriber
from test_charges import charges, perform
from test_checkout_page import open_session, pay

from stripe_sandbox import ibans, scheduled_actions, storage
from stripe_sandbox.testing import Sandbox


def transactions(sandbox: Any, **params: Any) -> list[Any]:
    """Return the balance transactions, oldest first."""
    return list(sandbox.client.v1.balance_transactions.list({"limit": 100, **params}).data)[::-1]


def summary(sandbox: Any, **params: Any) -> list[tuple[str, str, int]]:
    return [(row.type, row.reporting_category, row.amount) for row in transactions(sandbox, **params)]


def paid_charge(sandbox: Sandbox, amount: int = 1900) -> Any:
    pay(Client(), open_session(sandbox, amount))
    return sandbox.client.v1.charges.list({"expand": ["data.balance_transaction"]}).data[0]


def pay_by_debit(sandbox: Sandbox, account: ibans.Account) -> str:
    """Return the id of the paid session. The bank has not answered."""
    session = open_euro_session(sandbox)
    pay_from_account(session, account.formatted_number)
    return session.id


def test_charge_has_a_balance_transaction(sandbox: Sandbox) -> None:
    charge = paid_charge(sandbox)
    row = charge.balance_transaction
    assert (row.type, row.reporting_category, row.amount, row.currency) == ("charge", "charge", 1900, "usd")
    assert (row.fee, row.net) == (85, 1815)  # 2.9 % + 30 cents
    assert [(detail.amount, detail.type) for detail in row.fee_details] == [(85, "stripe_fee")]
    assert (row.source, row.created) == (charge.id, charge.created)
    found = sandbox.client.v1.balance_transactions.retrieve(row.id, {"expand": ["source"]})
    source: Any = found.source
    assert source.id == charge.id


def test_declined_charge_has_no_balance_transaction(sandbox: Sandbox) -> None:
    pay(Client(), open_session(sandbox), cardNumber="4000000000000002")
    assert sandbox.client.v1.charges.list().data[0].balance_transaction is None
    assert transactions(sandbox) == []


def test_refund_keeps_the_fee(sandbox: Sandbox) -> None:
    charge = paid_charge(sandbox)
    refund: Any = sandbox.client.v1.refunds.create(
        {"charge": charge.id, "amount": 700, "expand": ["balance_transaction"]}
    )
    row = refund.balance_transaction
    assert (row.type, row.reporting_category, row.amount) == ("refund", "refund", -700)
    assert (row.fee, row.net, row.source) == (0, -700, refund.id)
    assert summary(sandbox, source=charge.id) == [("charge", "charge", 1900)]


@pytest.mark.parametrize(("outcome", "end"), [("refund", "fail"), ("refund_pending", "cancel")])
def test_failed_refund_returns_the_money(sandbox: Sandbox, outcome: str, end: str) -> None:
    perform(paid_charge(sandbox).id, outcome, amount="7.00")
    perform(sandbox.client.v1.refunds.list().data[0].id, end)
    refund: Any = sandbox.client.v1.refunds.list({"expand": ["data.failure_balance_transaction"]}).data[0]
    assert refund.failure_balance_transaction.amount == 700
    assert summary(sandbox, source=refund.id) == [
        ("refund", "refund", -700),
        ("refund_failure", "refund_failure", 700),
    ]


@pytest.mark.parametrize(("end", "gross"), [("win", 0), ("lose", -1900)])
def test_dispute_withdraws_and_returns_money(sandbox: Sandbox, end: str, gross: int) -> None:
    charge = paid_charge(sandbox)
    perform(charge.id, "dispute", choice="dispute_fraudulent")
    perform(sandbox.client.v1.disputes.list().data[0].id, end)
    dispute = sandbox.client.v1.disputes.list({"expand": ["data.balance_transactions.source"]}).data[0]
    rows = transactions(sandbox, type="adjustment", source=dispute.id)
    assert [row.id for row in rows] == [row.id for row in dispute.balance_transactions]
    assert [row.reporting_category for row in rows] == ["dispute", "dispute_reversal"][: len(rows)]
    assert (rows[0].amount, rows[0].fee, rows[0].net) == (-1900, 1500, -3400)
    assert sum(row.amount for row in rows) == gross


def test_inquiry_moves_no_money_until_it_is_a_chargeback(sandbox: Sandbox) -> None:
    perform(paid_charge(sandbox).id, "dispute", choice="dispute_inquiry")
    assert transactions(sandbox, type="adjustment") == []
    perform(sandbox.client.v1.disputes.list().data[0].id, "escalate")
    assert summary(sandbox, type="adjustment") == [("adjustment", "dispute", -1900)]


def test_bank_debit_is_a_pending_payment(sandbox: Sandbox) -> None:
    session = pay_by_debit(sandbox, SUCCESS_ACCOUNT)
    (row,) = transactions(sandbox)
    assert (row.type, row.reporting_category, row.status) == ("payment", "charge", "pending")
    scheduled_actions.run_for(session)
    (row,) = transactions(sandbox)
    charge = sandbox.client.v1.charges.list().data[0]
    assert (row.status, charge.balance_transaction) == ("available", row.id)
    sandbox.client.v1.refunds.create({"charge": charge.id, "amount": 500})
    assert summary(sandbox, type="payment_refund") == [("payment_refund", "refund", -500)]
    perform(charge.id, "dispute", choice="dispute_fraudulent")
    dispute = sandbox.client.v1.disputes.list().data[0]
    assert (dispute.payment_method_details, dispute.amount) == (None, 1900)
    assert summary(sandbox, source=dispute.id) == [("adjustment", "dispute", -1900)]


def test_failed_bank_debit_is_reversed(sandbox: Sandbox) -> None:
    scheduled_actions.run_for(pay_by_debit(sandbox, FAILURE_ACCOUNT))
    payment, reversal = transactions(sandbox)
    assert (reversal.type, reversal.reporting_category) == ("payment_failure_refund", "charge_failure")
    assert (payment.amount + reversal.amount, payment.net + reversal.net) == (0, 0)
    charge = sandbox.client.v1.charges.list().data[0]
    assert (charge.failure_balance_transaction, charge.status) == (reversal.id, "failed")


def test_list_is_filtered_by_currency_time_and_type(sandbox: Any) -> None:
    subscriber = Subscriber(sandbox, start="2031-01-05")
    subscriber.advance("2031-02-10")
    paid_charge(sandbox)  # a charge of today
    late = transactions(sandbox, created={"gte": 1927000000})
    assert [row.created for row in late] == [
        charge.created for charge in charges(subscriber) if charge.created >= 1927000000
    ]
    assert len(transactions(sandbox, currency="usd")) == 3
    assert transactions(sandbox, currency="eur") == []
    assert transactions(sandbox, type="refund") == []


def test_gross_amounts_equal_payments_refunds_and_disputes(sandbox: Any) -> None:
    subscriber = Subscriber(sandbox, start="2031-01-05")
    subscriber.advance("2031-03-01", "2031-04-10")
    first, second, third, fourth = (charge.id for charge in charges(subscriber))
    perform(first, "refund", amount="9.00")
    perform(second, "refund_fails", amount="3.00")
    perform(second, "refund", amount="1.00")
    perform(third, "dispute", choice="dispute_fraudulent")
    perform(fourth, "dispute", choice="dispute_fraudulent")
    perform(sandbox.client.v1.disputes.list({"charge": fourth}).data[0].id, "win")
    scheduled_actions.run_due(time.time() + 60)
    rows = transactions(sandbox)
    gross = Counter(row.reporting_category for row in rows)
    assert gross == {"charge": 4, "refund": 3, "refund_failure": 1, "dispute": 2, "dispute_reversal": 1}
    found = charges(subscriber)
    kept = sum(charge.amount_captured - charge.amount_refunded for charge in found)
    lost = sum(dispute["amount"] for dispute in storage.find("dispute") if dispute["status"] != "won")
    assert sum(row.amount for row in rows) == kept - lost == 4 * 900 - 900 - 100 - 900
    assert all(row.net == row.amount - row.fee for row in rows)


def test_balance_is_the_sum_of_net_amounts(sandbox: Sandbox) -> None:
    def balance() -> dict[str, tuple[int, int]]:
        found = sandbox.client.v1.balance.retrieve()
        return {
            available.currency: (available.amount, pending.amount)
            for available, pending in zip(found.available, found.pending, strict=True)
        }

    assert balance() == {"usd": (0, 0)}
    charge = paid_charge(sandbox)
    assert balance() == {"usd": (1815, 0)}
    perform(charge.id, "dispute", choice="dispute_fraudulent")
    assert balance() == {"usd": (1815 - 3400, 0)}
    perform(sandbox.client.v1.disputes.list().data[0].id, "win")
    sandbox.client.v1.refunds.create({"charge": charge.id, "amount": 400})
    assert balance() == {"usd": (1415, 0)}
    session = pay_by_debit(sandbox, SUCCESS_ACCOUNT)
    assert balance()["eur"][0] == 0
    assert balance()["eur"][1] > 0
    scheduled_actions.run_for(session)
    assert balance()["eur"][1] == 0
