"""Subscriptions on a test clock: renewals, trials, failures, cancellations and pauses."""

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


def at(text: str) -> int:
    """Return Unix seconds of "2031-01-31" or "2031-01-31 10:00", UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


class Member:
    """A customer with a test clock, a card and a subscription at 900 a month."""

    def __init__(
        self, sandbox: Any, start: str = "2031-01-31", token: str = "pm_card_visa", **params: Any
    ) -> None:
        self.sandbox, self.v1 = sandbox, sandbox.client.v1
        product = sandbox.product("Club", 900, recurring={"interval": "month"})
        self.price = product.default_price
        self.clock = self.v1.test_helpers.test_clocks.create({"frozen_time": at(start)}).id
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

    def advance(self, *moments: str) -> None:
        for moment in moments:
            self.v1.test_helpers.test_clocks.advance(self.clock, {"frozen_time": at(moment)})
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

    def new_events(self, *wanted: str) -> list[tuple[str, str]]:
        """Return (type, simulated time) of the events since the last call, of these types or all."""
        fresh = self.sandbox.events()[self.seen :]
        self.seen += len(fresh)
        return [
            (event["type"], f"{datetime.fromtimestamp(event['created'], UTC):%Y-%m-%d %H:%M}")
            for event in fresh
            if not wanted or event["type"] in wanted
        ]


@pytest.fixture
def member(sandbox: Any) -> Member:
    return Member(sandbox)


def types(new_events: Sequence[tuple[str, str]]) -> list[str]:
    return [kind for kind, _ in new_events]


def stored() -> list[Obj]:
    kinds = ("subscription", "invoice", "invoice_payment", "payment_intent", "charge", "event")
    return [obj for kind in kinds for obj in storage.find(kind)]


def test_first_invoice_is_paid_immediately(sandbox: Any) -> None:
    member = Member(sandbox)
    assert member.now.status == "active"
    assert member.now.created == at("2031-01-31") == member.now.start_date
    assert member.now.latest_invoice.status == "paid"
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


def test_monthly_subscription_renews_for_a_year(member: Member) -> None:
    member.advance("2031-03-15", "2031-05-10", "2031-07-05", "2031-09-01", "2031-11-01", "2031-12-31 12:00")
    paid = member.new_events("invoice.paid")
    assert [when for _, when in paid] == [
        "2031-02-28 01:00", "2031-03-31 01:00", "2031-04-30 01:00", "2031-05-31 01:00", "2031-06-30 01:00",
        "2031-07-31 01:00", "2031-08-31 01:00", "2031-09-30 01:00", "2031-10-31 01:00", "2031-11-30 01:00",
        "2031-12-31 01:00",
    ]  # fmt: skip
    assert len(member.invoices) == 12
    assert {invoice.status for invoice in member.invoices} == {"paid"}
    assert len({invoice.number for invoice in member.invoices}) == 12
    assert member.item.current_period_end == at("2032-01-31")
    assert [event["created"] for event in member.sandbox.events("invoice*")] == sorted(
        event["created"] for event in member.sandbox.events("invoice*")
    )
    for obj in stored():
        check_response(obj)


def test_renewal_emits_events_in_order(member: Member) -> None:
    member.advance("2031-02-28 02:00")
    assert member.new_events() == [
        ("test_helpers.test_clock.advancing", "2031-01-31 00:00"),
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
    (event,) = member.sandbox.events("customer.subscription.updated")[-1:]
    assert event["data"]["previous_attributes"].keys() == {"items", "latest_invoice"}
    payments = member.v1.invoice_payments.list(
        {"invoice": member.now.latest_invoice.id, "expand": ["data.payment.payment_intent.latest_charge"]}
    )
    assert payments.data[0].payment.payment_intent.latest_charge.created == at("2031-02-28 01:00")


def test_trial_end_emits_warning_and_charges(sandbox: Any) -> None:
    member = Member(sandbox, "2031-01-01", trial_period_days=14)
    assert member.now.status == "trialing"
    assert member.now.latest_invoice.amount_due == 0
    member.advance("2031-01-15 00:30")
    assert member.new_events(
        "customer.subscription.trial_will_end", "customer.subscription.updated", "invoice.created"
    ) == [
        ("customer.subscription.trial_will_end", "2031-01-12 00:00"),
        ("customer.subscription.updated", "2031-01-15 00:00"),
        ("invoice.created", "2031-01-15 00:00"),
    ]
    assert (member.now.status, member.now.latest_invoice.status) == ("active", "draft")
    member.advance("2031-01-15 01:00")
    assert (member.now.latest_invoice.status, member.now.latest_invoice.amount_paid) == ("paid", 900)
    assert member.item.current_period_end == at("2031-02-15")


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
    member = Member(
        sandbox, "2031-01-01", trial_period_days=7, trial_settings=settings, default_payment_method=""
    )
    member.advance("2031-01-08 02:00")
    assert member.now.status == status
    assert event in types(member.new_events())


def test_failed_renewal_is_attempted_four_times_then_canceled(sandbox: Any) -> None:
    member = Member(sandbox, "2031-01-01", "pm_card_chargeCustomerFail", trial_period_days=7)
    member.advance("2031-01-08 02:00")
    assert member.now.status == "past_due"
    assert types(member.new_events())[-6:-1] == [
        "charge.failed",
        "payment_intent.payment_failed",
        "invoice.updated",
        "invoice.payment_failed",
        "customer.subscription.updated",
    ]
    assert member.now.latest_invoice.next_payment_attempt == at("2031-01-11 01:00")
    member.advance("2031-02-01")
    assert member.new_events("invoice.payment_failed", "customer.subscription.deleted") == [
        ("invoice.payment_failed", "2031-01-11 01:00"),
        ("invoice.payment_failed", "2031-01-16 01:00"),
        ("invoice.payment_failed", "2031-01-21 01:00"),
        ("customer.subscription.deleted", "2031-01-21 01:00"),
    ]
    assert member.now.status == "canceled"
    assert member.now.cancellation_details.reason == "payment_failed"
    last = member.now.latest_invoice
    assert (last.status, last.attempt_count, last.next_payment_attempt) == ("open", 4, None)
    assert len(member.v1.charges.list({"customer": member.customer}).data) == 4
    for obj in stored():
        check_response(obj)


@pytest.mark.parametrize("outcome", ["unpaid", "past_due"])
def test_after_retries_switch_sets_final_status(sandbox: Any, outcome: str) -> None:
    sandbox.switches(after_retries=outcome)
    member = Member(sandbox, "2031-01-01", "pm_card_chargeCustomerFail", trial_period_days=7)
    member.advance("2031-02-05")
    assert member.now.status == outcome
    member.advance("2031-02-09")
    assert member.now.latest_invoice.status == ("draft" if outcome == "unpaid" else "open")
    good = member.attach("pm_card_visa")
    member.update(default_payment_method=good)
    assert member.v1.invoices.pay(member.now.latest_invoice.id).status == "paid"
    assert member.now.status == "active"


def test_retry_charges_new_card(sandbox: Any) -> None:
    member = Member(sandbox, "2031-01-01", "pm_card_chargeCustomerFail", trial_period_days=7)
    member.advance("2031-01-08 02:00")
    member.update(default_payment_method=member.attach("pm_card_mastercard"))
    assert member.now.status == "past_due"
    member.advance("2031-01-12")
    assert member.now.status == "active"
    assert ("invoice.paid", "2031-01-11 01:00") in member.new_events()


def test_renewal_falls_back_to_customers_default_card(sandbox: Any) -> None:
    member = Member(sandbox, "2031-01-01", trial_period_days=7, default_payment_method="")
    member.v1.customers.update(member.customer, {"invoice_settings": {"default_payment_method": member.card}})
    member.advance("2031-01-08 02:00")
    assert member.now.latest_invoice.status == "paid"


def test_pay_invoice_endpoint(sandbox: Any) -> None:
    member = Member(sandbox, "2031-01-01", "pm_card_chargeCustomerFail", trial_period_days=7)
    member.advance("2031-01-08 02:00")
    invoice = member.now.latest_invoice.id
    with pytest.raises(stripe.CardError) as refused:
        member.v1.invoices.pay(invoice)
    assert (refused.value.code, refused.value.http_status) == ("card_declined", 402)
    assert len(member.v1.charges.list({"customer": member.customer}).data) == 2, "the attempt stays on record"
    assert member.now.latest_invoice.next_payment_attempt == at("2031-01-11 01:00"), "the plan is as it was"
    good = member.attach("pm_card_visa")
    assert member.v1.invoices.pay(invoice, {"payment_method": good}).status == "paid"
    assert member.now.status == "active"
    with pytest.raises(stripe.InvalidRequestError, match="already paid"):
        member.v1.invoices.pay(invoice)
    member.new_events()
    member.advance("2031-01-30")
    assert "invoice.payment_failed" not in types(member.new_events()), "no attempt is left"


def test_renewal_with_3d_secure_requires_action(sandbox: Any) -> None:
    member = Member(sandbox, "2031-01-01", "pm_card_authenticationRequired", trial_period_days=7)
    member.advance("2031-01-08 02:00")
    assert member.now.status == "past_due"
    told = types(member.new_events())
    assert told[told.index("payment_intent.requires_action") :][:4] == [
        "payment_intent.requires_action",
        "invoice.updated",
        "invoice.payment_action_required",
        "invoice.payment_failed",
    ]
    with pytest.raises(stripe.CardError) as refused:
        member.v1.invoices.pay(member.now.latest_invoice.id)
    assert refused.value.code == "invoice_payment_intent_requires_action"


def test_declined_first_payment_is_incomplete_and_expires(sandbox: Any) -> None:
    member = Member(sandbox, "2031-01-01", "pm_card_chargeCustomerFail")
    assert member.now.status == "incomplete"
    member.advance("2031-01-02")
    assert member.now.status == "incomplete_expired"
    assert member.now.latest_invoice.status == "void"
    assert ("customer.subscription.updated", "2031-01-01 23:00") in member.new_events()


def test_cancel_at_period_end(member: Member) -> None:
    ending = member.update(cancel_at_period_end=True)
    assert (ending.cancel_at, ending.status) == (at("2031-02-28"), "active")
    assert ending.canceled_at == at("2031-01-31")
    kept = member.update(cancel_at_period_end=False)
    assert (kept.cancel_at, kept.canceled_at, kept.cancellation_details.reason) == (None, None, None)
    member.update(cancel_at_period_end=True)
    member.advance("2031-03-15")
    assert member.now.status == "canceled"
    assert member.now.ended_at == at("2031-02-28")
    assert len(member.invoices) == 1
    assert ("customer.subscription.deleted", "2031-02-28 00:00") in member.new_events()


@pytest.mark.parametrize("cancel_at", ["min_period_end", "max_period_end", at("2031-02-10")])
def test_cancel_at_timestamp(member: Member, cancel_at: str | int) -> None:
    ending = member.update(cancel_at=cancel_at)
    moment = cancel_at if isinstance(cancel_at, int) else at("2031-02-28")
    assert (ending.cancel_at, ending.cancel_at_period_end) == (moment, False)
    member.advance("2031-03-01")
    assert (member.now.status, member.now.ended_at) == ("canceled", moment)


def test_cancel_now(member: Member) -> None:
    gone = member.v1.subscriptions.cancel(member.id, {"cancellation_details": {"feedback": "unused"}})
    assert (gone.status, gone.cancellation_details.feedback) == ("canceled", "unused")
    with pytest.raises(stripe.InvalidRequestError):
        member.v1.subscriptions.cancel(member.id)
    with pytest.raises(stripe.InvalidRequestError, match="canceled subscription can only update"):
        member.update(cancel_at_period_end=True)
    member.advance("2031-03-15")
    assert len(member.invoices) == 1


def test_pause_and_resume(member: Member) -> None:
    paused = member.v1.subscriptions.pause(member.id)
    assert paused.status == "paused"
    assert paused.status_details.paused.subscription.type == "pause_requested"
    member.advance("2031-03-20")
    assert len(member.invoices) == 1, "nothing is billed meanwhile"
    resumed = member.v1.subscriptions.resume(member.id)
    assert resumed.status == "active"
    assert resumed["items"].data[0].current_period_start == at("2031-03-20")
    assert resumed["items"].data[0].current_period_end == at("2031-04-20")
    assert len(member.invoices) == 2
    told = types(member.new_events())
    assert "customer.subscription.paused" in told
    assert "customer.subscription.resumed" in told


def test_resume_with_unchanged_anchor_does_not_bill_paid_period(member: Member) -> None:
    member.v1.subscriptions.pause(member.id)
    member.advance("2031-02-10")
    member.v1.subscriptions.resume(member.id, {"billing_cycle_anchor": {"type": "unchanged"}})
    assert member.item.current_period_end == at("2031-02-28")
    assert len(member.invoices) == 1


@pytest.mark.parametrize(
    ("behavior", "status"),
    [("keep_as_draft", "draft"), ("mark_uncollectible", "uncollectible"), ("void", "void")],
)
def test_paused_collection(member: Member, behavior: str, status: str) -> None:
    member.update(pause_collection={"behavior": behavior, "resumes_at": at("2031-03-05")})
    member.advance("2031-03-04")
    assert (member.now.status, member.now.latest_invoice.status) == ("active", status)
    member.advance("2031-04-02")
    assert member.now.pause_collection is None
    assert member.now.latest_invoice.status == "paid"


def test_new_price_applies_from_next_invoice(member: Member) -> None:
    dearer = member.v1.prices.create(
        {
            "currency": "usd",
            "unit_amount": 1500,
            "product_data": {"name": "Pro"},
            "recurring": {"interval": "month"},
        }
    )
    member.update(items=[{"id": member.item.id, "price": dearer.id}])
    (event,) = member.sandbox.events("customer.subscription.updated")[-1:]
    assert event["data"]["previous_attributes"]["items"]["data"][0]["price"]["unit_amount"] == 900
    assert len(member.invoices) == 1
    member.advance("2031-03-01")
    assert [invoice.total for invoice in member.invoices] == [900, 1500]


def test_new_interval_starts_new_period(member: Member) -> None:
    yearly = member.v1.prices.create(
        {
            "currency": "usd",
            "unit_amount": 9000,
            "product_data": {"name": "Year"},
            "recurring": {"interval": "year"},
        }
    )
    member.advance("2031-02-10")
    changed = member.update(items=[{"id": member.item.id, "price": yearly.id}])
    assert changed["items"].data[0].current_period_end == at("2032-02-10")
    assert [invoice.total for invoice in member.invoices] == [900, 9000]
    assert member.invoices[-1].billing_reason == "subscription_update"


def test_ending_trial_early_charges_immediately(sandbox: Any) -> None:
    member = Member(sandbox, "2031-01-01", trial_period_days=14)
    member.advance("2031-01-03")
    assert member.update(trial_end="now").status == "active"
    assert member.now.latest_invoice.amount_paid == 900
    assert member.item.current_period_end == at("2031-02-03")
    assert member.now.trial_end == at("2031-01-03")


def test_clock_advance_has_limits(member: Member) -> None:
    clocks = member.v1.test_helpers.test_clocks
    with pytest.raises(stripe.InvalidRequestError, match="after the current frozen time"):
        clocks.advance(member.clock, {"frozen_time": at("2031-01-30")})
    with pytest.raises(stripe.InvalidRequestError, match="two intervals"):
        clocks.advance(member.clock, {"frozen_time": at("2031-05-01")})
    answered = clocks.advance(member.clock, {"frozen_time": at("2031-02-01")})
    assert (answered.status, answered.status_details.advancing.target_frozen_time) == (
        "advancing",
        at("2031-02-01"),
    )
    assert clocks.retrieve(member.clock).frozen_time == at("2031-02-01")


def test_deleting_clock_deletes_customers(member: Member) -> None:
    assert [each.id for each in member.v1.customers.list({"test_clock": member.clock}).data] == [
        member.customer
    ]
    assert member.customer not in [each.id for each in member.v1.customers.list().data]
    assert member.v1.customers.retrieve(member.customer).created == at("2031-01-31")
    member.v1.test_helpers.test_clocks.delete(member.clock)
    assert member.v1.customers.retrieve(member.customer).deleted
    with pytest.raises(stripe.InvalidRequestError, match="No such subscription"):
        member.v1.subscriptions.retrieve(member.id)


def test_events_of_several_subscriptions_are_in_time_order(member: Member) -> None:
    weekly = member.v1.prices.create(
        {
            "currency": "usd",
            "unit_amount": 100,
            "product_data": {"name": "W"},
            "recurring": {"interval": "week"},
        }
    )
    plan = {
        "customer": member.customer,
        "items": [{"price": weekly.id}],
        "default_payment_method": member.card,
    }
    member.v1.subscriptions.create(plan)
    member.advance("2031-02-14", "2031-02-28", "2031-03-14")
    times = [when for _, when in member.new_events()]
    assert times == sorted(times)
    assert len(member.v1.invoices.list({"customer": member.customer, "limit": 100}).data) == 9


def test_customer_without_clock_uses_system_time(sandbox: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    v1 = sandbox.client.v1
    price = sandbox.product("Club", 900, recurring={"interval": "month"}).default_price
    customer = v1.customers.create({"email": "bob@example.com"}).id
    card = v1.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    plan = {"customer": customer, "items": [{"price": price}], "default_payment_method": card}
    subscription = v1.subscriptions.create(plan)
    end = subscription["items"].data[0].current_period_end
    assert engine.run("", end - 1) == 0
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
    assert v1.subscriptions.retrieve(subscription).test_clock is None, "it stays behind the scenes"
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
