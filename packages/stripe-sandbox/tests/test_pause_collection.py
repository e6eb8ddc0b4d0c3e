"""Paused collection: https://docs.stripe.com/billing/subscriptions/pause-payment"""

from __future__ import annotations

from typing import Any

import pytest
import stripe
from test_billing import Subscriber, timestamp

BILLING_EVENTS = ("invoice.created", "invoice.finalized", "invoice.voided", "invoice.marked_uncollectible")


@pytest.fixture
def subscriber(sandbox: Any) -> Subscriber:
    return Subscriber(sandbox, "2031-04-01")


def pause(subscriber: Subscriber, behavior: str, **params: Any) -> None:
    subscriber.update(pause_collection={"behavior": behavior, **params})


@pytest.mark.parametrize(
    ("behavior", "status", "events"),
    [
        ("keep_as_draft", "draft", ["invoice.created"]),
        ("void", "void", ["invoice.created", "invoice.finalized", "invoice.voided"]),
        (
            "mark_uncollectible",
            "uncollectible",
            ["invoice.created", "invoice.finalized", "invoice.marked_uncollectible"],
        ),
    ],
)
def test_each_renewal_is_treated_alike(
    subscriber: Subscriber, behavior: str, status: str, events: list[str]
) -> None:
    pause(subscriber, behavior)
    subscriber.new_events()
    subscriber.advance("2031-05-02", "2031-06-02")
    assert [kind for kind, _ in subscriber.new_events(*BILLING_EVENTS)] == events * 2
    renewals = subscriber.invoices[1:]
    assert [(invoice.status, invoice.auto_advance, invoice.amount_paid) for invoice in renewals] == [
        (status, False, 0)
    ] * 2
    assert subscriber.now.status == "active"
    assert subscriber.item.current_period_end == timestamp("2031-07-01")


def test_collection_resumes_at_time(subscriber: Subscriber) -> None:
    pause(subscriber, "void", resumes_at=timestamp("2031-05-10"))
    subscriber.advance("2031-05-11")
    assert subscriber.now.pause_collection is None
    subscriber.advance("2031-06-02")
    assert [invoice.status for invoice in subscriber.invoices] == ["paid", "void", "paid"]


def test_drafts_stay_drafts_and_can_be_paid_later(subscriber: Subscriber) -> None:
    pause(subscriber, "keep_as_draft")
    subscriber.advance("2031-05-02")
    subscriber.update(pause_collection="")
    subscriber.advance("2031-06-02")
    assert [invoice.status for invoice in subscriber.invoices] == ["paid", "draft", "paid"]
    assert subscriber.v1.invoices.pay(subscriber.invoices[1].id).status == "paid"


def test_earlier_invoices_are_still_collected(subscriber: Subscriber) -> None:
    subscriber.advance("2031-05-01 00:30")
    pause(subscriber, "void")
    subscriber.advance("2031-05-02")
    assert [invoice.status for invoice in subscriber.invoices] == ["paid", "paid"]


def test_voided_invoice_returns_the_balance(subscriber: Subscriber) -> None:
    subscriber.v1.customers.update(subscriber.customer, {"balance": -400})
    pause(subscriber, "void")
    subscriber.advance("2031-05-02")
    assert subscriber.v1.customers.retrieve(subscriber.customer).balance == -400
    kinds = [row.type for row in subscriber.v1.customers.balance_transactions.list(subscriber.customer).data]
    assert kinds == ["unapplied_from_invoice", "applied_to_invoice", "adjustment"]


def test_preview_of_paused_collection_has_no_attempt(subscriber: Subscriber) -> None:
    pause(subscriber, "void")
    invoice = subscriber.v1.invoices.create_preview({"subscription": subscriber.id})
    assert (invoice.total, invoice.next_payment_attempt) == (900, None)


def test_time_to_resume_is_in_the_future(subscriber: Subscriber) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        pause(subscriber, "void", resumes_at=timestamp("2031-03-31"))
    assert caught.value.param == "pause_collection[resumes_at]"
