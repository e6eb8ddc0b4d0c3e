"""POST /v1/invoices/create_preview and the event invoice.upcoming."""

from __future__ import annotations

from typing import Any

import pytest
import stripe
from test_billing import Subscriber, timestamp
from test_prorations import HALF, new_price, pending, subscribe_with

from stripe_sandbox import storage
from stripe_sandbox.testing.sdk_types import check_response


@pytest.fixture
def subscriber(sandbox: Any) -> Subscriber:
    return Subscriber(sandbox, "2031-04-01")


def preview(subscriber: Subscriber, **details: Any) -> Any:
    params: Any = {"subscription": subscriber.id, "preview_mode": "next"}
    if details:
        params["subscription_details"] = details
    invoice = subscriber.v1.invoices.create_preview(params)
    check_response(invoice.to_dict(for_json=True))
    return invoice


def test_preview_is_the_next_invoice(subscriber: Subscriber) -> None:
    invoice = preview(subscriber)
    assert invoice.id.startswith("upcoming_in_")
    assert (invoice.amount_due, invoice.status, invoice.billing_reason) == (900, "draft", "upcoming")
    assert invoice.created == timestamp("2031-05-01") == invoice.period_end
    assert invoice.next_payment_attempt == timestamp("2031-05-01 01:00")
    (line,) = invoice.lines.data
    assert (line.period.start, line.period.end) == (timestamp("2031-05-01"), timestamp("2031-06-01"))


def test_preview_changes_nothing(subscriber: Subscriber) -> None:
    item = subscriber.item.id
    before = [dict(row) for row in storage.query("SELECT id, json, hidden FROM objects ORDER BY seq")]
    deliveries = subscriber.sandbox.attempts()
    preview(subscriber)
    preview(subscriber, items=[{"id": item, "quantity": 5}], proration_behavior="always_invoice")
    assert [dict(row) for row in storage.query("SELECT id, json, hidden FROM objects ORDER BY seq")] == before
    assert subscriber.sandbox.attempts() == deliveries


def test_preview_of_trial_is_first_paid_invoice(sandbox: Any) -> None:
    subscriber = Subscriber(sandbox, "2031-04-01", trial_period_days=14)
    invoice = preview(subscriber)
    assert (invoice.amount_due, invoice.created) == (900, timestamp("2031-04-15"))


def test_preview_includes_quantity_discount_and_pending_items(sandbox: Any) -> None:
    coupon = sandbox.client.v1.coupons.create({"percent_off": 50, "duration": "forever"}).id
    subscriber = subscribe_with(sandbox, coupon)
    subscriber.update(items=[{"id": subscriber.item.id, "quantity": 3}])
    assert preview(subscriber).amount_due == 1350 + sum(pending(subscriber)) == 1350 - 225 + 675


def test_preview_respects_end_of_discount(sandbox: Any) -> None:
    coupon = sandbox.client.v1.coupons.create({"percent_off": 50, "duration": "once"}).id
    assert preview(subscribe_with(sandbox, coupon)).amount_due == 900


def test_preview_includes_customer_balance(subscriber: Subscriber) -> None:
    subscriber.v1.customers.update(subscriber.customer, {"balance": -400})
    invoice = preview(subscriber)
    assert (invoice.total, invoice.starting_balance, invoice.amount_due) == (900, -400, 500)
    subscriber.advance("2031-05-02")
    assert subscriber.invoices[-1].amount_paid == 500


def test_preview_shows_a_change_that_is_billed_later(subscriber: Subscriber) -> None:
    subscriber.advance(HALF)
    items = [{"id": subscriber.item.id, "price": new_price(subscriber, 2000)}]
    invoice = preview(subscriber, items=items)
    assert (invoice.amount_due, invoice.created) == (2550, timestamp("2031-05-01"))
    subscriber.update(items=items)
    subscriber.advance("2031-05-02")
    assert subscriber.invoices[-1].amount_paid == 2550


@pytest.mark.parametrize(
    ("interval", "behavior", "due"),
    [("month", "always_invoice", 1550), ("year", "create_prorations", 1550), ("year", "none", 2000)],
)
def test_preview_of_change_that_is_billed_at_once(
    subscriber: Subscriber, interval: str, behavior: str, due: int
) -> None:
    amount = 4000 if interval == "month" else 2000
    items = [{"id": subscriber.item.id, "price": new_price(subscriber, amount, interval)}]
    subscriber.advance(HALF)
    invoice = preview(subscriber, items=items, proration_behavior=behavior)
    assert (invoice.amount_due, invoice.status, invoice.created) == (due, "draft", timestamp(HALF))
    assert invoice.parent.subscription_details.subscription_proration_date == timestamp(HALF)
    subscriber.update(items=items, proration_behavior=behavior)
    assert subscriber.now.latest_invoice.amount_paid == due


def test_preview_uses_the_proration_date(subscriber: Subscriber) -> None:
    items = [{"id": subscriber.item.id, "quantity": 2}]
    invoice = preview(subscriber, items=items, proration_date=timestamp(HALF))
    assert invoice.amount_due == 1800 + 450
    assert invoice.parent.subscription_details.subscription_proration_date == timestamp(HALF)


def none_upcoming(subscriber: Subscriber, **details: Any) -> bool:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        preview(subscriber, **details)
    assert str(caught.value.user_message) == f"No upcoming invoices for customer: {subscriber.customer}"
    return (caught.value.code, caught.value.http_status) == ("invoice_upcoming_none", 404)


def test_ended_or_ending_subscription_has_no_preview(subscriber: Subscriber) -> None:
    assert none_upcoming(subscriber, cancel_at_period_end=True)
    assert none_upcoming(subscriber, cancel_at=timestamp("2031-04-20"))
    assert preview(subscriber, cancel_at=timestamp("2031-05-20")).amount_due == 900
    subscriber.update(cancel_at_period_end=True)
    assert none_upcoming(subscriber)
    subscriber.v1.subscriptions.cancel(subscriber.id)
    assert none_upcoming(subscriber)


def test_paused_subscription_has_no_preview(subscriber: Subscriber) -> None:
    subscriber.v1.subscriptions.pause(subscriber.id)
    assert none_upcoming(subscriber)


def test_preview_of_customer_is_the_earliest(subscriber: Subscriber) -> None:
    weekly = new_price(subscriber, 200, "week")
    plan = {"items": [{"price": weekly}], "default_payment_method": subscriber.card}
    subscriber.v1.subscriptions.create({"customer": subscriber.customer, **plan})
    invoice = subscriber.v1.invoices.create_preview({"customer": subscriber.customer})
    assert (invoice.amount_due, invoice.created) == (200, timestamp("2031-04-08"))


@pytest.mark.parametrize(
    "params", [{"preview_mode": "recurring"}, {"schedule": "sub_sched_1"}, {"discounts": [{"coupon": "a"}]}]
)
def test_unsupported_previews_name_parameter(subscriber: Subscriber, params: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="does not support the parameter"):
        subscriber.v1.invoices.create_preview({"subscription": subscriber.id, **params})


def upcoming(subscriber: Subscriber) -> list[tuple[str, str]]:
    return subscriber.new_events("invoice.upcoming")


def test_upcoming_event_is_sent_a_week_before_each_renewal(subscriber: Subscriber) -> None:
    subscriber.advance("2031-05-02", "2031-06-02")
    assert [when for _, when in upcoming(subscriber)] == ["2031-04-24 00:00", "2031-05-25 00:00"]
    event = subscriber.sandbox.events("invoice.upcoming")[0]
    invoice = event["data"]["object"]
    assert "id" not in invoice
    assert (invoice["amount_due"], invoice["created"]) == (900, timestamp("2031-05-01"))
    assert invoice["parent"]["subscription_details"]["subscription"] == subscriber.id
    check_response(event)


def test_upcoming_event_is_sent_before_the_trial_ends(sandbox: Any) -> None:
    subscriber = Subscriber(sandbox, "2031-04-01", trial_period_days=14)
    subscriber.advance("2031-04-16")
    assert [when for _, when in upcoming(subscriber)] == ["2031-04-08 00:00"]


@pytest.mark.parametrize(
    "change",
    [{"cancel_at_period_end": True}, {"pause_collection": {"behavior": "void"}}],
    ids=lambda change: next(iter(change)),
)
def test_no_upcoming_event_without_automatic_charge(subscriber: Subscriber, change: Any) -> None:
    subscriber.update(**change)
    subscriber.advance("2031-05-02")
    assert upcoming(subscriber) == []


def test_no_upcoming_event_for_trial_that_ends_without_card(sandbox: Any) -> None:
    settings = {"end_behavior": {"missing_payment_method": "cancel"}}
    trial = {"trial_period_days": 14, "trial_settings": settings, "default_payment_method": ""}
    subscriber = Subscriber(sandbox, "2031-04-01", **trial)
    subscriber.advance("2031-04-16")
    assert (subscriber.now.status, upcoming(subscriber)) == ("canceled", [])
