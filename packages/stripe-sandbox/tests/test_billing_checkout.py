"""Subscriptions bought on the hosted page, and random operations in random order."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
import stripe
from django.conf import settings as django_settings
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_billing import DAY, HOUR, Subscriber, timestamp

from stripe_sandbox import scheduler, storage
from stripe_sandbox.billing import clocks, collection, due_dates, engine, panel_actions
from stripe_sandbox.hosted import payment
from stripe_sandbox.hosted.payment_form import PaymentForm
from stripe_sandbox.testing.sdk_types import check_response

RETURN = "https://shop.example/return?session_id={CHECKOUT_SESSION_ID}"


def buy(sandbox: Any, number: str, **params: Any) -> Any:
    """Buy a monthly subscription on the hosted page with this card."""
    v1 = sandbox.client.v1
    price = sandbox.product("Club", 900, recurring={"interval": "month"}).default_price
    plan = {"mode": "subscription", "line_items": [{"price": price, "quantity": 1}], "success_url": RETURN}
    session = v1.checkout.sessions.create({**plan, **params}).id
    payment.pay(
        session, PaymentForm("ada@example.com", number, "12 / 40", "123", "Ada Lovelace", "GB", "SW1A 1AA")
    )
    payment.authenticate(session, passed=True)
    return v1.subscriptions.retrieve(v1.checkout.sessions.retrieve(session).subscription)


def retrieve(sandbox: Any, subscription: Any) -> Any:
    return sandbox.client.v1.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})


@pytest.mark.parametrize(
    ("number", "status"),
    [
        ("4242424242424242", "active"),
        ("4000002500003155", "active"),  # authenticated when it was saved
        ("4000002760003184", "past_due"),
        ("4000000000000341", "past_due"),
    ],
)
def test_first_renewal_by_test_card(sandbox: Any, number: str, status: str) -> None:
    subscription = buy(sandbox, number)
    assert subscription.status == "active"
    panel_actions.advance_to_renewal(subscription.id)
    assert retrieve(sandbox, subscription).status == status
    assert len(sandbox.events("invoice.payment_action_required")) == (number == "4000002760003184")


def test_trial_bought_on_hosted_page(sandbox: Any) -> None:
    subscription = buy(sandbox, "4242424242424242", subscription_data={"trial_period_days": 14})
    assert subscription.status == "trialing"
    panel_actions.advance_to_renewal(subscription.id)
    assert (
        retrieve(sandbox, subscription).status,
        retrieve(sandbox, subscription).latest_invoice.amount_paid,
    ) == (
        "active",
        900,
    )
    assert len(sandbox.events("customer.subscription.trial_will_end")) == 1


def test_scheduler_processes_due_subscriptions(sandbox: Any, settings: Any) -> None:
    settings.STRIPE_SANDBOX_DELIVERY = "thread"  # run_once() does nothing otherwise
    sandbox.switches(drop=["*"])
    buy(sandbox, "4242424242424242", subscription_data={"trial_period_days": 2})
    scheduler.run_once()
    scheduler.run_once()
    assert len(sandbox.events("customer.subscription.trial_will_end")) == 1, (
        "due three days before the end, so immediately"
    )


def test_checkout_uses_customers_clock(sandbox: Any) -> None:
    subscription = buy(sandbox, "4242424242424242")
    clock = panel_actions.advance(subscription.id, 400 * DAY)
    again = buy(sandbox, "4242424242424242", customer=subscription.customer)
    assert again.created == clock["frozen_time"]
    panel_actions.advance_to_renewal(again.id)
    assert retrieve(sandbox, again).latest_invoice.billing_reason == "subscription_cycle"
    assert retrieve(sandbox, again).status == "active"


def test_buyer_completes_3d_secure(sandbox: Any) -> None:
    subscription = buy(sandbox, "4000002760003184")
    panel_actions.advance_to_renewal(subscription.id)
    invoice = storage.get(retrieve(sandbox, subscription).latest_invoice.id) or {}
    assert collection.authenticate(invoice, passed=False)["status"] == "open"
    assert collection.pay(invoice)["status"] == "open"
    invoice = storage.get(invoice["id"]) or {}
    assert collection.authenticate(invoice, passed=True)["status"] == "paid"
    assert retrieve(sandbox, subscription).status == "active"


def test_invoice_page_pays_and_completes_3d_secure(sandbox: Any) -> None:
    subscription = buy(sandbox, "4000002760003184")
    panel_actions.advance_to_renewal(subscription.id)
    url = retrieve(sandbox, subscription).latest_invoice.hosted_invoice_url.removeprefix(
        django_settings.SITE_URL
    )
    client = Client()
    assert "test-source-authorize-3ds" in client.get(url).content.decode()
    failed = client.post(f"{url}/pay", {"outcome": "fail"}, follow=True).content.decode()
    assert "failed authentication" in failed
    assert "Pay $9.00" in failed
    assert "test-source-authorize-3ds" in client.post(f"{url}/pay", follow=True).content.decode()
    assert "Paid" in client.post(f"{url}/pay", {"outcome": "complete"}, follow=True).content.decode()
    assert retrieve(sandbox, subscription).status == "active"
    client.post(f"{url}/pay")
    assert len(sandbox.events("invoice.paid")) == 2


def test_paying_activates_incomplete_subscription(sandbox: Any) -> None:
    subscriber = Subscriber(sandbox, "2031-01-01", "pm_card_chargeCustomerFail")
    good = subscriber.attach("pm_card_visa")
    subscriber.v1.invoices.pay(subscriber.now.latest_invoice.id, {"payment_method": good})
    assert subscriber.now.status == "active"
    subscriber.advance("2031-02-02")
    assert len(subscriber.invoices) == 2


def test_concurrent_threads_run_each_step_once(sandbox: Any) -> None:
    subscription = buy(sandbox, "4242424242424242")
    end = int(time.time()) + 800 * DAY
    threads = [threading.Thread(target=engine.run, args=("", end)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sandbox.events("invoice.paid")) == 27
    invoices = storage.find("invoice", ("customer", "=", subscription.customer))
    assert len({invoice["lines"]["data"][0]["period"]["start"] for invoice in invoices}) == 27


def test_interrupted_advance_is_finished_later(sandbox: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    subscriber = Subscriber(sandbox)

    def crash(*args: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(engine, "run", crash)
        with pytest.raises(KeyboardInterrupt):
            subscriber.v1.test_helpers.test_clocks.advance(
                subscriber.clock, {"frozen_time": timestamp("2031-03-10")}
            )
    assert subscriber.v1.test_helpers.test_clocks.retrieve(subscriber.clock).status == "advancing"
    with pytest.raises(stripe.InvalidRequestError, match="underway"):
        subscriber.v1.test_helpers.test_clocks.advance(
            subscriber.clock, {"frozen_time": timestamp("2031-03-11")}
        )
    engine.run_system_clock()
    assert subscriber.v1.test_helpers.test_clocks.retrieve(subscriber.clock).status == "ready"
    assert len(subscriber.invoices) == 2


ACTS: dict[str, Any] = {
    "an hour": lambda subscriber: panel_actions.advance(subscriber.id, HOUR),
    "a week": lambda subscriber: panel_actions.advance(subscriber.id, 7 * DAY),
    "a month": lambda subscriber: panel_actions.advance(subscriber.id, 31 * DAY),
    "renewal": lambda subscriber: panel_actions.advance_to_renewal(subscriber.id),
    "fail": lambda subscriber: panel_actions.fail_next_renewal(subscriber.id),
    "valid card": lambda subscriber: subscriber.update(
        default_payment_method=subscriber.attach("pm_card_visa")
    ),
    "declined card": lambda subscriber: subscriber.update(
        default_payment_method=subscriber.attach("pm_card_chargeCustomerFail")
    ),
    "3D Secure card": lambda subscriber: subscriber.update(
        default_payment_method=subscriber.attach("pm_card_authenticationRequired")
    ),
    "cancel at period end": lambda subscriber: subscriber.update(cancel_at_period_end=True),
    "undo cancellation": lambda subscriber: subscriber.update(cancel_at_period_end=False),
    "cancel": lambda subscriber: subscriber.v1.subscriptions.cancel(subscriber.id),
    "pause": lambda subscriber: subscriber.v1.subscriptions.pause(subscriber.id),
    "resume": lambda subscriber: subscriber.v1.subscriptions.resume(subscriber.id),
    "resume unchanged": lambda subscriber: subscriber.v1.subscriptions.resume(
        subscriber.id, {"billing_cycle_anchor": {"type": "unchanged"}}
    ),
    "void": lambda subscriber: subscriber.update(pause_collection={"behavior": "void"}),
    "draft": lambda subscriber: subscriber.update(pause_collection={"behavior": "keep_as_draft"}),
    "collect": lambda subscriber: subscriber.update(pause_collection=""),
    "trial now": lambda subscriber: subscriber.update(trial_end="now"),
    "trial": lambda subscriber: subscriber.update(
        trial_end=(clocks.get_frozen_time(subscriber.clock) or 0) + 5 * DAY
    ),
    "plan": lambda subscriber: subscriber.update(
        items=[{"id": subscriber.item.id, "price": subscriber.yearly}]
    ),
    "quantity": lambda subscriber: subscriber.update(
        items=[{"id": subscriber.item.id, "quantity": subscriber.item.quantity % 4 + 1}]
    ),
    "cheaper plan at once": lambda subscriber: subscriber.update(
        items=[{"id": subscriber.item.id, "price": subscriber.cheap}], proration_behavior="always_invoice"
    ),
    "dearer plan at once": lambda subscriber: subscriber.update(
        items=[{"id": subscriber.item.id, "price": subscriber.price, "quantity": 5}],
        proration_behavior="always_invoice",
    ),
    "add-on": lambda subscriber: subscriber.update(items=[{"price": subscriber.addon}]),
    "remove an item": lambda subscriber: subscriber.update(
        items=[{"id": subscriber.item.id, "deleted": True}]
    ),
    "preview": lambda subscriber: subscriber.v1.invoices.create_preview({"subscription": subscriber.id}),
    "pay": lambda subscriber: subscriber.v1.invoices.pay(subscriber.now.latest_invoice.id),
}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    acts=st.lists(st.sampled_from(sorted(ACTS)), max_size=14),
    token=st.sampled_from(["pm_card_visa", "pm_card_chargeCustomerFail"]),
    trial=st.sampled_from([None, 2, 14]),
    final_status=st.sampled_from(["canceled", "unpaid", "past_due"]),
)
def test_random_operations_keep_invariants(
    sandbox: Any, acts: list[str], token: str, trial: int | None, final_status: str
) -> None:
    sandbox.switches(after_retries=final_status)
    first = len(sandbox.events())
    subscriber = Subscriber(sandbox, "2031-01-31", token, **({"trial_period_days": trial} if trial else {}))
    terms = {
        "currency": "usd",
        "unit_amount": 9000,
        "product_data": {"name": "Y"},
        "recurring": {"interval": "year"},
    }
    subscriber.yearly = subscriber.v1.prices.create(terms).id
    monthly = {"currency": "usd", "product_data": {"name": "M"}, "recurring": {"interval": "month"}}
    subscriber.cheap = subscriber.v1.prices.create({**monthly, "unit_amount": 300}).id
    subscriber.addon = subscriber.v1.prices.create({**monthly, "unit_amount": 77}).id
    for act in acts:
        try:
            ACTS[act](subscriber)
        except (stripe.InvalidRequestError, stripe.CardError):
            continue
        _check_invariants(subscriber)
    times = [
        event["created"]
        for event in sandbox.events()[first:]
        if event["type"].startswith(("customer.subscription", "invoice", "charge", "payment_intent"))
    ]
    assert times == sorted(times)
    for event in sandbox.events()[first:]:
        check_response(event["data"]["object"])


def _check_invariants(subscriber: Subscriber) -> None:
    subscription = storage.get(subscriber.id) or {}
    now = clocks.get_frozen_time(subscriber.clock) or 0
    ended = subscription["status"] in ("canceled", "incomplete_expired")
    assert ended == (subscription["ended_at"] is not None)
    assert (subscription["status"] == "paused") == bool(subscription.get("status_details"))
    with clocks.customer_time(subscriber.customer):
        due = due_dates.next_for_subscription(subscription)
    assert due is None or due > now or subscription["status"] == "trialing"
    assert due_dates.find_first_due(subscriber.clock, now) is None or subscription["status"] == "trialing"
    if subscription["status"] in ("trialing", "active", "past_due"):
        assert due_dates.period_end(subscription) > now
    invoices = storage.find("invoice", ("customer", "=", subscriber.customer))
    starts = [
        {line["period"]["start"] for line in invoice["lines"]["data"] if not is_proration(line)}
        for invoice in invoices
        if invoice["billing_reason"] == "subscription_cycle"
    ]
    billed = [start for found in starts for start in found]
    assert len(billed) == len(set(billed)), "a period was billed twice"
    for invoice in invoices:
        assert invoice["total"] == sum(line["amount"] for line in invoice["lines"]["data"])
        if invoice["status"] != "draft":
            before = invoice["total"] + invoice["starting_balance"]
            assert before == invoice["amount_due"] + invoice["ending_balance"]
            assert invoice["amount_due"] >= 0
    _check_credits(subscriber, invoices)


def _check_credits(subscriber: Subscriber, invoices: list[storage.Obj]) -> None:
    """No item is credited with more than it was billed, and the balance is the sum of its transactions."""
    changes = storage.find("customer_balance_transaction", ("customer", "=", subscriber.customer))
    customer = storage.get(subscriber.customer) or {}
    assert customer["balance"] == sum(change["amount"] for change in changes)
    amounts: dict[str, int] = {}
    for line in [line for invoice in invoices for line in invoice["lines"]["data"]]:
        item = line["parent"]["subscription_item_details"]["subscription_item"]
        amounts[item] = amounts.get(item, 0) + line["amount"]
    for pending in storage.find(
        "invoiceitem", ("customer", "=", subscriber.customer), ("invoice", "IS", None)
    ):
        item = pending["parent"]["subscription_details"]["subscription_item"]
        amounts[item] = amounts.get(item, 0) + pending["amount"]
    assert all(amount >= 0 for amount in amounts.values()), amounts


def is_proration(line: storage.Obj) -> bool:
    return bool(line["parent"]["subscription_item_details"]["proration"])
