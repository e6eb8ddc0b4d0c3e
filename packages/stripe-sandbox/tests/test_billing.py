"""Subscriptions on a test clock: renewals, trials, failed payments, cancellations and pauses."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
import stripe

from stripe_sandbox import storage
from stripe_sandbox.billing import engine, panel_actions
from stripe_sandbox.storage import Obj
from stripe_sandbox.testing.sdk_types import check_response

HOUR, DAY = 3600, 86400


def timestamp(text: str) -> int:
    """Return Unix seconds of "2031-01-31" or "2031-01-31 10:00", UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


class Subscriber:
    """A customer with a test clock, a card and a subscription at 900 a month."""

    def __init__(
        self, sandbox: Any, start: str = "2031-01-31", token: str = "pm_card_visa", **params: Any
    ) -> None:
        self.sandbox, self.v1 = sandbox, sandbox.client.v1
        product = sandbox.product("Club", 900, recurring={"interval": "month"})
        self.price = product.default_price
        self.clock = self.v1.test_helpers.test_clocks.create({"frozen_time": timestamp(start)}).id
        self.customer = self.v1.customers.create({"email": "ada@example.com", "test_clock": self.clock}).id
        self.card = self.attach(token)
        plan = {
            "customer": self.customer,
            "items": [{"price": self.price}],
            "default_payment_method": self.card,
        }
        self.id = self.v1.subscriptions.create({**plan, **params}).id
        self.seen = len(sandbox.events())

    def attach(self, token: str) -> str:
        return str(self.v1.payment_methods.attach(token, {"customer": self.customer}).id)

    def advance(self, *dates: str) -> None:
        for date in dates:
            self.v1.test_helpers.test_clocks.advance(self.clock, {"frozen_time": timestamp(date)})
            assert self.v1.test_helpers.test_clocks.retrieve(self.clock).status == "ready"

    def update(self, **params: Any) -> stripe.Subscription:
        updated: stripe.Subscription = self.v1.subscriptions.update(self.id, params)
        return updated

    @property
    def now(self) -> Any:
        return self.v1.subscriptions.retrieve(self.id, {"expand": ["latest_invoice.payments"]})

    @property
    def item(self) -> Any:
        return self.now["items"].data[0]

    @property
    def invoices(self) -> list[Any]:
        return list(self.v1.invoices.list({"subscription": self.id, "limit": 100}).data)[::-1]

    def new_events(self, *event_types: str) -> list[tuple[str, str]]:
        """Return (type, simulated time) of the events since the last call, of these types or all."""
        new = self.sandbox.events()[self.seen :]
        self.seen += len(new)
        return [
            (event["type"], f"{datetime.fromtimestamp(event['created'], UTC):%Y-%m-%d %H:%M}")
            for event in new
            if not event_types or event["type"] in event_types
        ]


@pytest.fixture
def subscriber(sandbox: Any) -> Subscriber:
    return Subscriber(sandbox)


def types(new_events: Sequence[tuple[str, str]]) -> list[str]:
    return [kind for kind, _ in new_events]


def stored_objects() -> list[Obj]:
    kinds = ("subscription", "invoice", "invoice_payment", "payment_intent", "charge", "event")
    return [obj for kind in kinds for obj in storage.find(kind)]


def test_first_invoice_is_paid_immediately(sandbox: Any) -> None:
    subscriber = Subscriber(sandbox)
    assert subscriber.now.status == "active"
    assert subscriber.now.created == timestamp("2031-01-31") == subscriber.now.start_date
    assert subscriber.now.latest_invoice.status == "paid"
    assert types([(event["type"], "") for event in sandbox.events()][-11:]) == [
        "customer.subscription.created",
        "invoice.created",
        "invoice.finalized",
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "invoice.updated",
        "invoice.paid",
        "invoice.payment_succeeded",
        "invoice_payment.paid",
        "customer.subscription.updated",
    ]


def test_monthly_subscription_renews_for_a_year(subscriber: Subscriber) -> None:
    subscriber.advance(
        "2031-03-15", "2031-05-10", "2031-07-05", "2031-09-01", "2031-11-01", "2031-12-31 12:00"
    )
    paid = subscriber.new_events("invoice.paid")
    assert [when for _, when in paid] == [
        "2031-02-28 01:00", "2031-03-31 01:00", "2031-04-30 01:00", "2031-05-31 01:00", "2031-06-30 01:00",
        "2031-07-31 01:00", "2031-08-31 01:00", "2031-09-30 01:00", "2031-10-31 01:00", "2031-11-30 01:00",
        "2031-12-31 01:00",
    ]  # fmt: skip
    assert len(subscriber.invoices) == 12
    assert {invoice.status for invoice in subscriber.invoices} == {"paid"}
    assert len({invoice.number for invoice in subscriber.invoices}) == 12
    assert subscriber.item.current_period_end == timestamp("2032-01-31")
    assert [event["created"] for event in subscriber.sandbox.events("invoice*")] == sorted(
        event["created"] for event in subscriber.sandbox.events("invoice*")
    )
    for obj in stored_objects():
        check_response(obj)


def test_renewal_emits_events_in_order(subscriber: Subscriber) -> None:
    subscriber.advance("2031-02-28 02:00")
    assert subscriber.new_events() == [
        ("test_helpers.test_clock.advancing", "2031-01-31 00:00"),
        ("invoice.upcoming", "2031-02-21 00:00"),
        ("customer.subscription.updated", "2031-02-28 00:00"),
        ("invoice.created", "2031-02-28 00:00"),
        ("invoice.finalized", "2031-02-28 01:00"),
        ("payment_intent.created", "2031-02-28 01:00"),
        ("charge.succeeded", "2031-02-28 01:00"),
        ("payment_intent.succeeded", "2031-02-28 01:00"),
        ("invoice.updated", "2031-02-28 01:00"),
        ("invoice.paid", "2031-02-28 01:00"),
        ("invoice.payment_succeeded", "2031-02-28 01:00"),
        ("invoice_payment.paid", "2031-02-28 01:00"),
        ("test_helpers.test_clock.ready", "2031-02-28 02:00"),
    ]
    (event,) = subscriber.sandbox.events("customer.subscription.updated")[-1:]
    assert event["data"]["previous_attributes"].keys() == {"items", "latest_invoice"}
    payments = subscriber.v1.invoice_payments.list(
        {"invoice": subscriber.now.latest_invoice.id, "expand": ["data.payment.payment_intent.latest_charge"]}
    )
    assert payments.data[0].payment.payment_intent.latest_charge.created == timestamp("2031-02-28 01:00")


def test_trial_end_emits_warning_and_charges(sandbox: Any) -> None:
    subscriber = Subscriber(sandbox, "2031-01-01", trial_period_days=14)
    assert subscriber.now.status == "trialing"
    assert subscriber.now.latest_invoice.amount_due == 0
    subscriber.advance("2031-01-15 00:30")
    assert subscriber.new_events(
        "customer.subscription.trial_will_end", "customer.subscription.updated", "invoice.created"
    ) == [
        ("customer.subscription.trial_will_end", "2031-01-12 00:00"),
        ("customer.subscription.updated", "2031-01-15 00:00"),
        ("invoice.created", "2031-01-15 00:00"),
    ]
    assert (subscriber.now.status, subscriber.now.latest_invoice.status) == ("active", "draft")
    subscriber.advance("2031-01-15 01:00")
    assert (subscriber.now.latest_invoice.status, subscriber.now.latest_invoice.amount_paid) == ("paid", 900)
    assert subscriber.item.current_period_end == timestamp("2031-02-15")


@pytest.mark.parametrize(
    ("behavior", "status", "event"),
    [
        ("cancel", "canceled", "customer.subscription.deleted"),
        ("pause", "paused", "customer.subscription.paused"),
        ("create_invoice", "past_due", "invoice.payment_failed"),
    ],
)
def test_trial_end_without_card_follows_trial_settings(
    sandbox: Any, behavior: str, status: str, event: str
) -> None:
    settings = {"end_behavior": {"missing_payment_method": behavior}}
    subscriber = Subscriber(
        sandbox, "2031-01-01", trial_period_days=7, trial_settings=settings, default_payment_method=""
    )
    subscriber.advance("2031-01-08 02:00")
    assert subscriber.now.status == status
    assert event in types(subscriber.new_events())


def test_failed_renewal_is_attempted_four_times_then_canceled(sandbox: Any) -> None:
    subscriber = Subscriber(sandbox, "2031-01-01", "pm_card_chargeCustomerFail", trial_period_days=7)
    subscriber.advance("2031-01-08 02:00")
    assert subscriber.now.status == "past_due"
    assert types(subscriber.new_events())[-6:-1] == [
        "charge.failed",
        "payment_intent.payment_failed",
        "invoice.updated",
        "invoice.payment_failed",
        "customer.subscription.updated",
    ]
    assert subscriber.now.latest_invoice.next_payment_attempt == timestamp("2031-01-11 01:00")
    subscriber.advance("2031-02-01")
    assert subscriber.new_events("invoice.payment_failed", "customer.subscription.deleted") == [
        ("invoice.payment_failed", "2031-01-11 01:00"),
        ("invoice.payment_failed", "2031-01-16 01:00"),
        ("invoice.payment_failed", "2031-01-21 01:00"),
        ("customer.subscription.deleted", "2031-01-21 01:00"),
    ]
    assert subscriber.now.status == "canceled"
    assert subscriber.now.cancellation_details.reason == "payment_failed"
    last = subscriber.now.latest_invoice
    assert (last.status, last.attempt_count, last.next_payment_attempt) == ("open", 4, None)
    assert len(subscriber.v1.charges.list({"customer": subscriber.customer}).data) == 4
    for obj in stored_objects():
        check_response(obj)


@pytest.mark.parametrize("outcome", ["unpaid", "past_due"])
def test_final_status_is_that_of_the_switch(sandbox: Any, outcome: str) -> None:
    sandbox.switches(after_retries=outcome)
    subscriber = Subscriber(sandbox, "2031-01-01", "pm_card_chargeCustomerFail", trial_period_days=7)
    subscriber.advance("2031-02-05")
    assert subscriber.now.status == outcome
    subscriber.advance("2031-02-09")
    assert subscriber.now.latest_invoice.status == ("draft" if outcome == "unpaid" else "open")
    good = subscriber.attach("pm_card_visa")
    subscriber.update(default_payment_method=good)
    assert subscriber.v1.invoices.pay(subscriber.now.latest_invoice.id).status == "paid"
    assert subscriber.now.status == "active"


def test_retry_charges_new_card(sandbox: Any) -> None:
    subscriber = Subscriber(sandbox, "2031-01-01", "pm_card_chargeCustomerFail", trial_period_days=7)
    subscriber.advance("2031-01-08 02:00")
    subscriber.update(default_payment_method=subscriber.attach("pm_card_mastercard"))
    assert subscriber.now.status == "past_due"
    subscriber.advance("2031-01-12")
    assert subscriber.now.status == "active"
    assert ("invoice.paid", "2031-01-11 01:00") in subscriber.new_events()


def test_renewal_falls_back_to_customers_default_card(sandbox: Any) -> None:
    subscriber = Subscriber(sandbox, "2031-01-01", trial_period_days=7, default_payment_method="")
    subscriber.v1.customers.update(
        subscriber.customer, {"invoice_settings": {"default_payment_method": subscriber.card}}
    )
    subscriber.advance("2031-01-08 02:00")
    assert subscriber.now.latest_invoice.status == "paid"


def test_pay_invoice_endpoint(sandbox: Any) -> None:
    subscriber = Subscriber(sandbox, "2031-01-01", "pm_card_chargeCustomerFail", trial_period_days=7)
    subscriber.advance("2031-01-08 02:00")
    invoice = subscriber.now.latest_invoice.id
    with pytest.raises(stripe.CardError) as refused:
        subscriber.v1.invoices.pay(invoice)
    assert (refused.value.code, refused.value.http_status) == ("card_declined", 402)
    assert len(subscriber.v1.charges.list({"customer": subscriber.customer}).data) == 2, (
        "the failed charge is stored"
    )
    assert subscriber.now.latest_invoice.next_payment_attempt == timestamp("2031-01-11 01:00"), (
        "the retry schedule is unchanged"
    )
    good = subscriber.attach("pm_card_visa")
    assert subscriber.v1.invoices.pay(invoice, {"payment_method": good}).status == "paid"
    assert subscriber.now.status == "active"
    with pytest.raises(stripe.InvalidRequestError, match="already paid"):
        subscriber.v1.invoices.pay(invoice)
    subscriber.new_events()
    subscriber.advance("2031-01-30")
    assert "invoice.payment_failed" not in types(subscriber.new_events()), "no retry is scheduled"


def test_renewal_with_3d_secure_requires_action(sandbox: Any) -> None:
    subscriber = Subscriber(sandbox, "2031-01-01", "pm_card_authenticationRequired", trial_period_days=7)
    subscriber.advance("2031-01-08 02:00")
    assert subscriber.now.status == "past_due"
    event_types = types(subscriber.new_events())
    assert event_types[event_types.index("payment_intent.requires_action") :][:4] == [
        "payment_intent.requires_action",
        "invoice.updated",
        "invoice.payment_action_required",
        "invoice.payment_failed",
    ]
    with pytest.raises(stripe.CardError) as refused:
        subscriber.v1.invoices.pay(subscriber.now.latest_invoice.id)
    assert refused.value.code == "invoice_payment_intent_requires_action"


def test_declined_first_payment_is_incomplete_and_expires(sandbox: Any) -> None:
    subscriber = Subscriber(sandbox, "2031-01-01", "pm_card_chargeCustomerFail")
    assert subscriber.now.status == "incomplete"
    subscriber.advance("2031-01-02")
    assert subscriber.now.status == "incomplete_expired"
    assert subscriber.now.latest_invoice.status == "void"
    assert ("customer.subscription.updated", "2031-01-01 23:00") in subscriber.new_events()


def test_cancellation_at_period_end_can_be_undone(subscriber: Subscriber) -> None:
    ending = subscriber.update(cancel_at_period_end=True)
    assert (ending.cancel_at, ending.status) == (timestamp("2031-02-28"), "active")
    assert ending.canceled_at == timestamp("2031-01-31")
    resumed = subscriber.update(cancel_at_period_end=False)
    assert (resumed.cancel_at, resumed.canceled_at, resumed.cancellation_details.reason) == (None, None, None)
    subscriber.update(cancel_at_period_end=True)
    subscriber.advance("2031-03-15")
    assert subscriber.now.status == "canceled"
    assert subscriber.now.ended_at == timestamp("2031-02-28")
    assert len(subscriber.invoices) == 1
    assert ("customer.subscription.deleted", "2031-02-28 00:00") in subscriber.new_events()


@pytest.mark.parametrize("cancel_at", ["min_period_end", "max_period_end", timestamp("2031-02-10")])
def test_subscription_ends_at_the_time_of_cancel_at(subscriber: Subscriber, cancel_at: str | int) -> None:
    ending = subscriber.update(cancel_at=cancel_at)
    date = cancel_at if isinstance(cancel_at, int) else timestamp("2031-02-28")
    assert (ending.cancel_at, ending.cancel_at_period_end) == (date, False)
    subscriber.advance("2031-03-01")
    assert (subscriber.now.status, subscriber.now.ended_at) == ("canceled", date)


def test_canceled_subscription_ends_at_once(subscriber: Subscriber) -> None:
    canceled = subscriber.v1.subscriptions.cancel(
        subscriber.id, {"cancellation_details": {"feedback": "unused"}}
    )
    assert (canceled.status, canceled.cancellation_details.feedback) == ("canceled", "unused")
    with pytest.raises(stripe.InvalidRequestError):
        subscriber.v1.subscriptions.cancel(subscriber.id)
    with pytest.raises(stripe.InvalidRequestError, match="canceled subscription can only update"):
        subscriber.update(cancel_at_period_end=True)
    subscriber.advance("2031-03-15")
    assert len(subscriber.invoices) == 1


def test_schedule_decides_when_a_subscription_ends_until_it_is_released(subscriber: Subscriber) -> None:
    schedules = subscriber.v1.subscription_schedules
    schedule = schedules.create({"from_subscription": subscriber.id}).id
    for change in ({"cancel_at_period_end": True}, {"cancel_at": timestamp("2031-06-01")}):
        with pytest.raises(stripe.InvalidRequestError, match="managed by the subscription schedule"):
            subscriber.update(**change)
    released = schedules.release(schedule)
    assert (released.status, released.released_subscription) == ("released", subscriber.id)
    assert subscriber.update(cancel_at_period_end=True).schedule is None
    with pytest.raises(stripe.InvalidRequestError, match="`released` status"):
        schedules.release(schedule)


def test_canceling_now_cancels_the_schedule(subscriber: Subscriber) -> None:
    schedules = subscriber.v1.subscription_schedules
    schedule = schedules.create({"from_subscription": subscriber.id}).id
    subscriber.v1.subscriptions.cancel(subscriber.id)
    assert schedules.retrieve(schedule).status == "canceled"


def test_pause_and_resume(subscriber: Subscriber) -> None:
    paused = subscriber.v1.subscriptions.pause(subscriber.id)
    assert paused.status == "paused"
    assert paused.status_details.paused.subscription.type == "pause_requested"
    subscriber.advance("2031-03-20")
    assert len(subscriber.invoices) == 1, "no invoice while paused"
    resumed = subscriber.v1.subscriptions.resume(subscriber.id)
    assert resumed.status == "active"
    assert resumed["items"].data[0].current_period_start == timestamp("2031-03-20")
    assert resumed["items"].data[0].current_period_end == timestamp("2031-04-20")
    assert len(subscriber.invoices) == 2
    event_types = types(subscriber.new_events())
    assert "customer.subscription.paused" in event_types
    assert "customer.subscription.resumed" in event_types


def test_resume_with_unchanged_anchor_does_not_bill_paid_period(subscriber: Subscriber) -> None:
    subscriber.v1.subscriptions.pause(subscriber.id)
    subscriber.advance("2031-02-10")
    subscriber.v1.subscriptions.resume(subscriber.id, {"billing_cycle_anchor": {"type": "unchanged"}})
    assert subscriber.item.current_period_end == timestamp("2031-02-28")
    assert len(subscriber.invoices) == 1


@pytest.mark.parametrize(
    ("behavior", "status"),
    [("keep_as_draft", "draft"), ("mark_uncollectible", "uncollectible"), ("void", "void")],
)
def test_paused_collection_ends_at_its_time(subscriber: Subscriber, behavior: str, status: str) -> None:
    subscriber.update(pause_collection={"behavior": behavior, "resumes_at": timestamp("2031-03-05")})
    subscriber.advance("2031-03-04")
    assert (subscriber.now.status, subscriber.now.latest_invoice.status) == ("active", status)
    subscriber.advance("2031-04-02")
    assert subscriber.now.pause_collection is None
    assert subscriber.now.latest_invoice.status == "paid"


def test_new_price_without_proration_applies_from_next_invoice(subscriber: Subscriber) -> None:
    higher_price = subscriber.v1.prices.create(
        {
            "currency": "usd",
            "unit_amount": 1500,
            "product_data": {"name": "Pro"},
            "recurring": {"interval": "month"},
        }
    )
    subscriber.update(items=[{"id": subscriber.item.id, "price": higher_price.id}], proration_behavior="none")
    (event,) = subscriber.sandbox.events("customer.subscription.updated")[-1:]
    assert event["data"]["previous_attributes"]["items"]["data"][0]["price"]["unit_amount"] == 900
    assert len(subscriber.invoices) == 1
    subscriber.advance("2031-03-01")
    assert [invoice.total for invoice in subscriber.invoices] == [900, 1500]


def test_new_interval_starts_new_period(subscriber: Subscriber) -> None:
    yearly = subscriber.v1.prices.create(
        {
            "currency": "usd",
            "unit_amount": 9000,
            "product_data": {"name": "Year"},
            "recurring": {"interval": "year"},
        }
    )
    subscriber.advance("2031-02-10")
    changed = subscriber.update(items=[{"id": subscriber.item.id, "price": yearly.id}])
    assert changed["items"].data[0].current_period_end == timestamp("2032-02-10")
    assert [invoice.total for invoice in subscriber.invoices] == [900, 9000 - round(900 * 18 / 28)]
    assert subscriber.invoices[-1].billing_reason == "subscription_update"


def test_ending_trial_early_charges_immediately(sandbox: Any) -> None:
    subscriber = Subscriber(sandbox, "2031-01-01", trial_period_days=14)
    subscriber.advance("2031-01-03")
    assert subscriber.update(trial_end="now").status == "active"
    assert subscriber.now.latest_invoice.amount_paid == 900
    assert subscriber.item.current_period_end == timestamp("2031-02-03")
    assert subscriber.now.trial_end == timestamp("2031-01-03")


def test_clock_advance_has_limits(subscriber: Subscriber) -> None:
    clocks = subscriber.v1.test_helpers.test_clocks
    with pytest.raises(stripe.InvalidRequestError, match="after the current frozen time"):
        clocks.advance(subscriber.clock, {"frozen_time": timestamp("2031-01-30")})
    with pytest.raises(stripe.InvalidRequestError, match="two intervals"):
        clocks.advance(subscriber.clock, {"frozen_time": timestamp("2031-05-01")})
    advanced = clocks.advance(subscriber.clock, {"frozen_time": timestamp("2031-02-01")})
    assert (advanced.status, advanced.status_details.advancing.target_frozen_time) == (
        "advancing",
        timestamp("2031-02-01"),
    )
    assert clocks.retrieve(subscriber.clock).frozen_time == timestamp("2031-02-01")


def test_deleting_clock_deletes_customers(subscriber: Subscriber) -> None:
    assert [each.id for each in subscriber.v1.customers.list({"test_clock": subscriber.clock}).data] == [
        subscriber.customer
    ]
    assert subscriber.customer not in [each.id for each in subscriber.v1.customers.list().data]
    assert subscriber.v1.customers.retrieve(subscriber.customer).created == timestamp("2031-01-31")
    subscriber.v1.test_helpers.test_clocks.delete(subscriber.clock)
    assert subscriber.v1.customers.retrieve(subscriber.customer).deleted
    with pytest.raises(stripe.InvalidRequestError, match="No such subscription"):
        subscriber.v1.subscriptions.retrieve(subscriber.id)


def test_events_of_several_subscriptions_are_in_time_order(subscriber: Subscriber) -> None:
    weekly = subscriber.v1.prices.create(
        {
            "currency": "usd",
            "unit_amount": 100,
            "product_data": {"name": "W"},
            "recurring": {"interval": "week"},
        }
    )
    plan = {
        "customer": subscriber.customer,
        "items": [{"price": weekly.id}],
        "default_payment_method": subscriber.card,
    }
    subscriber.v1.subscriptions.create(plan)
    subscriber.advance("2031-02-14", "2031-02-28", "2031-03-14")
    times = [when for _, when in subscriber.new_events()]
    assert times == sorted(times)
    assert len(subscriber.v1.invoices.list({"customer": subscriber.customer, "limit": 100}).data) == 9


def test_customer_without_clock_uses_system_time(sandbox: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    v1 = sandbox.client.v1
    price = sandbox.product("Club", 900, recurring={"interval": "month"}).default_price
    customer = v1.customers.create({"email": "bob@example.com"}).id
    card = v1.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    plan = {"customer": customer, "items": [{"price": price}], "default_payment_method": card}
    subscription = v1.subscriptions.create(plan)
    end = subscription["items"].data[0].current_period_end
    assert engine.run("", end - 1) == 1  # invoice.upcoming
    assert engine.run("", end + HOUR) == 2
    assert (
        v1.invoices.list({"subscription": subscription.id}).data[0].status_transitions.paid_at == end + HOUR
    )


def test_panel_advances_clock_and_fails_renewal(sandbox: Any) -> None:
    v1 = sandbox.client.v1
    price = sandbox.product("Club", 900, recurring={"interval": "month"}).default_price
    customer = v1.customers.create({"email": "bob@example.com"}).id
    card = v1.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    plan = {"customer": customer, "items": [{"price": price}], "default_payment_method": card}
    subscription = v1.subscriptions.create(plan).id
    panel_actions.advance_to_renewal(subscription)
    assert len(v1.invoices.list({"subscription": subscription}).data) == 2
    assert v1.subscriptions.retrieve(subscription).test_clock is None, "the panel's clock is hidden"
    panel_actions.fail_next_renewal(subscription)
    panel_actions.advance_to_renewal(subscription)
    assert v1.subscriptions.retrieve(subscription).status == "past_due"
    panel_actions.advance(customer, 4 * DAY)
    assert v1.subscriptions.retrieve(subscription).status == "past_due"
    other = v1.payment_methods.attach("pm_card_mastercard", {"customer": customer}).id
    v1.subscriptions.update(subscription, {"default_payment_method": other})
    panel_actions.advance(subscription, 5 * DAY)
    assert v1.subscriptions.retrieve(subscription).status == "active"
    assert [each.id for each in v1.subscriptions.list({"status": "all"}).data] == [subscription]
