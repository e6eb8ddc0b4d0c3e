"""Invoices that are paid outside Stripe, or by several payments.

https://docs.stripe.com/api/invoice-payment and https://docs.stripe.com/api/payment-record
"""

from __future__ import annotations

from typing import Any

import pytest
import stripe
from test_billing import Subscriber

from stripe_sandbox import storage


@pytest.fixture
def subscriber(sandbox: Any) -> Subscriber:
    """Return a subscription whose first payment of 900 was declined."""
    return Subscriber(sandbox, "2031-04-01", "pm_card_chargeCustomerFail")


def open_invoice(subscriber: Subscriber) -> stripe.Invoice:
    found: stripe.Invoice = subscriber.v1.invoices.retrieve(
        subscriber.invoices[-1].id, {"expand": ["payments"]}
    )
    return found


def report(subscriber: Subscriber, value: int, currency: str = "usd", **more: Any) -> str:
    params = {
        "amount_requested": {"currency": currency, "value": value},
        "initiated_at": 1932768000,
        "outcome": "guaranteed",
        "guaranteed": {"guaranteed_at": 1932768000},
        "payment_method_details": {"type": "custom", "custom": {"display_name": "Bank transfer"}},
    }
    return str(subscriber.v1.payment_records.report_payment(params | more).id)


def rows(invoice: stripe.Invoice) -> list[tuple[str, str, int | None, bool]]:
    assert invoice.payments is not None
    return [
        (payment.payment.type, payment.status, payment.amount_paid, payment.is_default)
        for payment in invoice.payments.data
    ]


def test_invoice_paid_out_of_band_cancels_its_default_payment(subscriber: Subscriber) -> None:
    before = open_invoice(subscriber)
    subscriber.new_events()
    paid = subscriber.v1.invoices.pay(before.id, {"paid_out_of_band": True, "expand": ["payments"]})
    assert (paid.status, paid.amount_paid, paid.amount_remaining) == ("paid", before.amount_due, 0)
    assert rows(paid) == [("payment_intent", "canceled", None, True)]
    (payment,) = paid.payments.data
    assert payment.status_transitions.canceled_at
    assert not payment.status_transitions.paid_at
    assert (storage.get(payment.payment.payment_intent) or {})["status"] == "canceled"
    kinds = [kind for kind, _ in subscriber.new_events()]
    assert {"invoice.paid", "payment_intent.canceled"} <= set(kinds)
    assert "invoice_payment.paid" not in kinds
    assert subscriber.now.status == "active"


def test_payment_record_over_everything_pays_the_invoice(subscriber: Subscriber) -> None:
    invoice = open_invoice(subscriber)
    record = report(subscriber, invoice.amount_due)
    subscriber.new_events()
    paid = subscriber.v1.invoices.attach_payment(
        invoice.id, {"payment_record": record, "expand": ["payments"]}
    )
    assert (paid.status, paid.amount_paid, paid.amount_remaining) == ("paid", invoice.amount_due, 0)
    assert rows(paid) == [
        ("payment_record", "paid", invoice.amount_due, False),
        ("payment_intent", "canceled", None, True),
    ]
    kinds = [kind for kind, _ in subscriber.new_events()]
    assert kinds.count("invoice_payment.paid") == kinds.count("invoice.paid") == 1
    found = subscriber.v1.invoice_payments.list(
        {"payment": {"type": "payment_record", "payment_record": record}}
    )
    assert [payment.invoice for payment in found.data] == [invoice.id]
    assert subscriber.now.status == "active"


def test_card_pays_what_a_payment_record_left(subscriber: Subscriber) -> None:
    invoice = open_invoice(subscriber)
    record = report(subscriber, 300)
    after = subscriber.v1.invoices.attach_payment(
        invoice.id, {"payment_record": record, "expand": ["payments"]}
    )
    assert (after.status, after.amount_paid, after.amount_remaining) == (
        "open",
        300,
        invoice.amount_due - 300,
    )
    default = after.payments.data[1]
    assert (default.status, default.amount_requested) == ("open", invoice.amount_due - 300)
    subscriber.new_events()
    card = subscriber.attach("pm_card_visa")
    paid = subscriber.v1.invoices.pay(invoice.id, {"payment_method": card, "expand": ["payments"]})
    assert (paid.status, paid.amount_paid, paid.amount_remaining) == ("paid", invoice.amount_due, 0)
    assert rows(paid) == [
        ("payment_record", "paid", 300, False),
        ("payment_intent", "paid", invoice.amount_due - 300, True),
    ]
    charge = storage.find("charge", ("status", "=", "succeeded"))[0]
    assert charge["amount"] == invoice.amount_due - 300
    assert [kind for kind, _ in subscriber.new_events("invoice_payment.paid")] == ["invoice_payment.paid"]


def test_payment_record_has_the_sdk_fields(subscriber: Subscriber) -> None:
    key = report(subscriber, 300, description="Invoice 7", metadata={"a": "b"})
    record = subscriber.v1.payment_records.retrieve(key)
    assert (record.amount.value, record.amount_guaranteed.value, record.amount_refunded.value) == (
        300,
        300,
        0,
    )
    assert record.payment_method_details.custom.display_name == "Bank transfer"
    assert (record.reported_by, record.description, record.metadata["a"]) == ("self", "Invoice 7", "b")


@pytest.mark.parametrize(
    ("value", "currency", "complaint"), [(300, "eur", "currency"), (10**6, "usd", "overpayments")]
)
def test_record_that_does_not_fit_the_invoice_is_refused(
    subscriber: Subscriber, value: int, currency: str, complaint: str
) -> None:
    invoice, record = open_invoice(subscriber), report(subscriber, value, currency)
    with pytest.raises(stripe.InvalidRequestError, match=complaint):
        subscriber.v1.invoices.attach_payment(invoice.id, {"payment_record": record})


def test_paid_invoice_and_used_record_are_refused(subscriber: Subscriber) -> None:
    invoice, record = open_invoice(subscriber), report(subscriber, 300)
    subscriber.v1.invoices.attach_payment(invoice.id, {"payment_record": record})
    with pytest.raises(stripe.InvalidRequestError, match="several invoices"):
        subscriber.v1.invoices.attach_payment(invoice.id, {"payment_record": record})
    subscriber.v1.invoices.pay(invoice.id, {"paid_out_of_band": True})
    other = report(subscriber, 100)
    with pytest.raises(stripe.InvalidRequestError, match="`paid`"):
        subscriber.v1.invoices.attach_payment(invoice.id, {"payment_record": other})


@pytest.mark.parametrize("outcome", ["failed", "canceled", ""])
def test_only_successful_payments_can_be_reported(subscriber: Subscriber, outcome: str) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="outcome"):
        report(subscriber, 300, outcome=outcome or None)
