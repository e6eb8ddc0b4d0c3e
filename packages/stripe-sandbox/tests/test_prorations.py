"""Changed items: prorations, as https://docs.stripe.com/billing/subscriptions/prorations describes them."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import pytest
import stripe
from test_billing import Subscriber, stored_objects, timestamp
from test_portal import page_text

from stripe_sandbox.testing.sdk_types import check_response

HALF = "2031-04-16"  # the middle of April


@pytest.fixture
def subscriber(sandbox: Any) -> Subscriber:
    """Create a subscription at 900 a month that is in the middle of its first period."""
    subscriber = Subscriber(sandbox, "2031-04-01")
    subscriber.advance(HALF)
    return subscriber


def new_price(subscriber: Subscriber, amount: int, interval: str = "month", currency: str = "usd") -> str:
    terms = {"unit_amount": amount, "currency": currency, "recurring": {"interval": interval}}
    return str(subscriber.v1.prices.create({"product_data": {"name": f"Plan {amount}"}, **terms}).id)


def switch(subscriber: Subscriber, price: str, **params: Any) -> Any:
    return subscriber.update(items=[{"id": subscriber.item.id, "price": price}], **params)


def pending(subscriber: Subscriber) -> list[int]:
    found = subscriber.v1.invoice_items.list({"customer": subscriber.customer, "pending": True})
    return [item.amount for item in found.data][::-1]


def balance(subscriber: Subscriber) -> int:
    return int(subscriber.v1.customers.retrieve(subscriber.customer).balance)


def test_upgrade_is_prorated_on_next_invoice(subscriber: Subscriber) -> None:
    switch(subscriber, new_price(subscriber, 2000))
    assert (pending(subscriber), len(subscriber.invoices)) == ([-450, 1000], 1)
    subscriber.advance("2031-05-02")
    invoice = subscriber.invoices[-1]
    assert (invoice.total, invoice.amount_paid, invoice.billing_reason) == (2550, 2550, "subscription_cycle")
    assert pending(subscriber) == []
    credit, debit, renewal = invoice.lines.data
    assert (credit.description, debit.description) == (
        "Unused time on 1 × Club after 16 Apr 2031",
        "Remaining time on 1 × Plan 2000 after 16 Apr 2031",
    )
    prorated = [line.parent.subscription_item_details.proration for line in (credit, debit, renewal)]
    assert prorated == [True, True, False]
    assert (credit.period.start, credit.period.end) == (timestamp(HALF), timestamp("2031-05-01"))
    first = subscriber.invoices[0]
    assert credit.parent.subscription_item_details.proration_details.credited_items.to_dict() == {
        "invoice": first.id,
        "invoice_line_items": [first.lines.data[0].id],
    }
    for obj in stored_objects():
        check_response(obj)


def test_next_renewal_has_no_prorations_left(subscriber: Subscriber) -> None:
    switch(subscriber, new_price(subscriber, 2000))
    subscriber.advance("2031-05-02", "2031-06-02")
    assert [invoice.total for invoice in subscriber.invoices] == [900, 2550, 2000]


def test_always_invoice_charges_at_once(subscriber: Subscriber) -> None:
    subscriber.new_events()
    changed = switch(subscriber, new_price(subscriber, 2000), proration_behavior="always_invoice")
    invoice = subscriber.invoices[-1]
    assert changed.latest_invoice == invoice.id
    assert (invoice.billing_reason, invoice.status, invoice.amount_paid) == (
        "subscription_update",
        "paid",
        550,
    )
    assert subscriber.item.current_period_end == timestamp("2031-05-01")
    events = subscriber.new_events(
        "invoiceitem.created", "invoice.created", "charge.succeeded", "invoice.paid"
    )
    assert [kind for kind, _ in events] == [
        "invoiceitem.created",
        "invoiceitem.created",
        "invoice.created",
        "charge.succeeded",
        "invoice.paid",
    ]


def test_declined_upgrade_is_past_due(subscriber: Subscriber) -> None:
    subscriber.update(default_payment_method=subscriber.attach("pm_card_chargeCustomerFail"))
    changed = switch(subscriber, new_price(subscriber, 2000), proration_behavior="always_invoice")
    assert changed.status == "past_due"
    assert (subscriber.invoices[-1].status, subscriber.invoices[-1].amount_remaining) == ("open", 550)


def test_no_proration_is_created_on_request(subscriber: Subscriber) -> None:
    switch(subscriber, new_price(subscriber, 2000), proration_behavior="none")
    assert pending(subscriber) == []
    subscriber.advance("2031-05-02")
    assert [invoice.total for invoice in subscriber.invoices] == [900, 2000]


def test_downgrade_credit_goes_to_balance_and_pays_next_invoices(sandbox: Any) -> None:
    subscriber = Subscriber(sandbox, "2031-04-01")
    switch(subscriber, new_price(subscriber, 4000), proration_behavior="always_invoice")
    subscriber.advance(HALF)
    switch(subscriber, new_price(subscriber, 1000), proration_behavior="always_invoice")
    credit = subscriber.invoices[-1]
    assert (credit.total, credit.amount_due, credit.status) == (-1500, 0, "paid")
    assert (credit.starting_balance, credit.ending_balance, balance(subscriber)) == (0, -1500, -1500)
    subscriber.advance("2031-05-02", "2031-06-02")
    first, second = subscriber.invoices[-2:]
    assert (first.total, first.amount_due, first.ending_balance) == (1000, 0, -500)
    assert (second.total, second.amount_paid, second.starting_balance) == (1000, 500, -500)
    assert balance(subscriber) == 0
    receipt = page_text(urlsplit(second.hosted_invoice_url).path)
    assert re.search(r"Balance</dt><dd>-\$5.00<", receipt)
    transactions = subscriber.v1.customers.balance_transactions.list(subscriber.customer).data
    assert [(row.amount, row.ending_balance) for row in transactions][::-1] == [
        (-1500, -1500),
        (1000, -500),
        (500, 0),
    ]
    for row in transactions:
        check_response(row.to_dict(for_json=True))


def test_amount_below_minimum_charge_moves_to_balance(subscriber: Subscriber) -> None:
    switch(subscriber, new_price(subscriber, 940), proration_behavior="always_invoice")
    invoice = subscriber.invoices[-1]
    assert (invoice.total, invoice.amount_due, invoice.status) == (20, 0, "paid")
    assert balance(subscriber) == 20
    subscriber.advance("2031-05-02")
    assert subscriber.invoices[-1].amount_paid == 960


def test_new_interval_credits_unused_time_and_bills_at_once(subscriber: Subscriber) -> None:
    changed = switch(subscriber, new_price(subscriber, 9000, "year"))
    invoice = subscriber.invoices[-1]
    assert [line.amount for line in invoice.lines.data] == [-450, 9000]
    assert (invoice.amount_paid, invoice.billing_reason) == (8550, "subscription_update")
    assert changed.billing_cycle_anchor == timestamp(HALF)
    assert subscriber.item.current_period_end == timestamp("2032-04-16")


def test_new_interval_without_proration_bills_whole_period(subscriber: Subscriber) -> None:
    switch(subscriber, new_price(subscriber, 9000, "year"), proration_behavior="none")
    assert subscriber.invoices[-1].amount_paid == 9000


def test_free_to_paid_bills_at_once(sandbox: Any) -> None:
    subscriber = Subscriber(sandbox, "2031-04-01")
    free = new_price(subscriber, 0)
    subscriber.id = subscriber.v1.subscriptions.create(
        {
            "customer": subscriber.customer,
            "items": [{"price": free}],
            "default_payment_method": subscriber.card,
        }
    ).id
    subscriber.advance(HALF)
    switch(subscriber, new_price(subscriber, 2000))
    assert subscriber.now.latest_invoice.amount_paid == 2000
    assert subscriber.item.current_period_end == timestamp("2031-05-16")


def test_trial_has_no_prorations(sandbox: Any) -> None:
    subscriber = Subscriber(sandbox, "2031-04-01", trial_period_days=14)
    switch(subscriber, new_price(subscriber, 2000))
    assert pending(subscriber) == []
    subscriber.advance("2031-04-16")
    assert subscriber.invoices[-1].amount_paid == 2000


def test_quantity_is_prorated(subscriber: Subscriber) -> None:
    subscriber.update(items=[{"id": subscriber.item.id, "quantity": 3}])
    assert pending(subscriber) == [-450, 1350]
    subscriber.advance("2031-05-02")
    assert (subscriber.invoices[-1].total, subscriber.item.quantity) == (3600, 3)


def test_new_price_sets_quantity_to_one_unless_named(subscriber: Subscriber) -> None:
    subscriber.update(items=[{"id": subscriber.item.id, "quantity": 3}])
    switch(subscriber, new_price(subscriber, 1000))
    assert subscriber.item.quantity == 1
    subscriber.update(items=[{"id": subscriber.item.id, "price": subscriber.price, "quantity": 2}])
    assert (subscriber.item.price.id, subscriber.item.quantity) == (subscriber.price, 2)


def test_items_are_added_and_removed(subscriber: Subscriber) -> None:
    plan, addon = subscriber.item.id, new_price(subscriber, 300)
    changed = subscriber.update(items=[{"price": addon, "quantity": 2}])
    added, first = changed["items"].data
    assert (first.id, added.price.id, added.quantity) == (plan, addon, 2)
    assert added.current_period_end == first.current_period_end
    assert pending(subscriber) == [300]
    subscriber.advance("2031-05-01 02:00")
    assert subscriber.invoices[-1].total == 900 + 600 + 300
    subscriber.advance("2031-05-16 12:00")
    subscriber.update(items=[{"id": added.id, "deleted": True}])
    assert [item.id for item in subscriber.now["items"].data] == [plan]
    assert pending(subscriber) == [-300]
    subscriber.advance("2031-06-02")
    assert subscriber.invoices[-1].total == 900 - 300


def test_several_items_are_billed_on_one_invoice(subscriber: Subscriber) -> None:
    created = subscriber.v1.subscriptions.create(
        {
            "customer": subscriber.customer,
            "items": [{"price": new_price(subscriber, 300), "quantity": 2}, {"price": subscriber.price}],
            "default_payment_method": subscriber.card,
            "expand": ["latest_invoice"],
        }
    )
    assert [(item.price.unit_amount, item.quantity) for item in created["items"].data] == [(300, 2), (900, 1)]
    assert created.latest_invoice.amount_paid == 1500  # type: ignore[union-attr]


def test_credit_is_share_of_discounted_amount(sandbox: Any) -> None:
    half_price = sandbox.client.v1.coupons.create({"percent_off": 50, "duration": "once"}).id
    subscriber = subscribe_with(sandbox, half_price)
    switch(subscriber, new_price(subscriber, 2000))
    assert pending(subscriber) == [-225, 1000]


def test_debit_includes_lasting_discount(sandbox: Any) -> None:
    half_price = sandbox.client.v1.coupons.create({"percent_off": 50, "duration": "forever"}).id
    subscriber = subscribe_with(sandbox, half_price)
    switch(subscriber, new_price(subscriber, 2000))
    assert pending(subscriber) == [-225, 500]
    subscriber.advance("2031-05-02")
    invoice = subscriber.invoices[-1]
    assert invoice.total == 1275
    assert [line.discountable for line in invoice.lines.data] == [False, False, True]


def subscribe_with(sandbox: Any, coupon: str) -> Subscriber:
    """Return a subscriber in the middle of the first period, who paid with the coupon at checkout."""
    from django.test import Client
    from test_checkout_page import pay

    from stripe_sandbox import cards

    subscriber = Subscriber(sandbox, "2031-04-01")
    session = subscriber.v1.checkout.sessions.create(
        {
            "mode": "subscription",
            "line_items": [{"price": subscriber.price, "quantity": 1}],
            "success_url": "https://shop.example/",
            "customer": subscriber.customer,
            "discounts": [{"coupon": coupon}],
        }
    )
    pay(Client(), session, cards.BY_NUMBER["4242424242424242"])
    subscriber.id = subscriber.v1.checkout.sessions.retrieve(session.id).subscription
    subscriber.advance(HALF)
    return subscriber


def test_second_change_credits_pending_debit(subscriber: Subscriber) -> None:
    switch(subscriber, new_price(subscriber, 2000))
    switch(subscriber, subscriber.price)
    assert pending(subscriber) == [-450, 1000, -1000, 450]
    items = subscriber.v1.invoice_items.list({"customer": subscriber.customer}).data[::-1]
    assert items[2].proration_details.credited_items.invoice_item == items[1].id
    for item in items:
        check_response(subscriber.v1.invoice_items.retrieve(item.id).to_dict(for_json=True))


def test_proration_starts_at_the_proration_date(subscriber: Subscriber) -> None:
    subscriber.advance("2031-04-20")
    switch(subscriber, new_price(subscriber, 2000), proration_date=timestamp(HALF))
    assert pending(subscriber) == [-450, 1000]
    with pytest.raises(stripe.InvalidRequestError, match="outside of the current subscription period"):
        switch(subscriber, subscriber.price, proration_date=timestamp("2031-06-01"))


@pytest.mark.parametrize(
    "change", [{"cancel_at": timestamp("2031-04-20")}, {"trial_end": timestamp("2031-06-01")}]
)
def test_unsupported_proration_is_refused(subscriber: Subscriber, change: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="does not support prorations"):
        subscriber.update(proration_behavior="create_prorations", **change)


def test_immediate_cancellation_deletes_pending_prorations(subscriber: Subscriber) -> None:
    switch(subscriber, new_price(subscriber, 2000))
    subscriber.v1.subscriptions.cancel(subscriber.id)
    assert pending(subscriber) == []
    assert len(subscriber.invoices) == 1


def test_cancellation_at_period_end_collects_pending_prorations(subscriber: Subscriber) -> None:
    switch(subscriber, new_price(subscriber, 2000))
    subscriber.update(cancel_at_period_end=True)
    subscriber.advance("2031-05-02")
    assert subscriber.now.status == "canceled"
    assert [invoice.amount_paid for invoice in subscriber.invoices] == [900, 550]


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([{"id": "si_unknown", "quantity": 2}], "No such subscription_item: 'si_unknown'"),
        ([{"price": "yearly"}], "mix billing intervals"),
        ([{"price": "euros"}], "doesn't match the expected currency: `usd`"),
        ([{"price": "same"}], "Cannot add multiple subscription items with the same plan"),
        ([{"id": "item", "quantity": -1}], "greater than or equal to 0"),
        ([{"id": "item", "deleted": True}], "must have at least one active plan"),
        ([{"quantity": 2}], "No such price"),
    ],
)
def test_invalid_items_are_refused(subscriber: Subscriber, items: list[Any], message: str) -> None:
    names = {
        "yearly": new_price(subscriber, 9000, "year"),
        "euros": new_price(subscriber, 900, currency="eur"),
        "same": subscriber.price,
        "item": subscriber.item.id,
    }
    before = subscriber.now["items"].to_dict(for_json=True)
    rows = [{name: names.get(str(value), value) for name, value in row.items()} for row in items]
    with pytest.raises(stripe.InvalidRequestError, match=message):
        subscriber.update(items=rows)
    assert subscriber.now["items"].to_dict(for_json=True) == before
    assert pending(subscriber) == []


def test_invoice_has_its_first_ten_lines_and_a_list_of_all(subscriber: Subscriber) -> None:
    for hour in range(1, 7):
        subscriber.advance(f"{HALF}T{hour:02}:00")
        subscriber.update(items=[{"id": subscriber.item.id, "quantity": hour + 1}])
    subscriber.advance("2031-05-02")
    invoice = subscriber.invoices[-1]
    assert (len(invoice.lines.data), invoice.lines.has_more) == (10, True)
    (found,) = subscriber.v1.invoices.search({"query": f"number:'{invoice.number}'"}).data
    assert (len(found.lines.data), found.lines.has_more) == (10, True)
    pages = subscriber.v1.invoices.line_items.list(invoice.id, {"limit": 5}).auto_paging_iter()
    lines = list(pages)
    assert [line.id for line in lines[:10]] == [line.id for line in invoice.lines.data]
    assert sum(line.amount for line in lines) == invoice.subtotal
    assert len({line.id for line in lines}) == 13


def test_subscription_items_are_changed_by_their_own_routes(sandbox: Any) -> None:
    v1 = sandbox.client.v1
    club, extra = (
        sandbox.product(name, recurring={"interval": "month"}).default_price for name in ("Club", "Extra")
    )
    customer = v1.customers.create({}).id
    card = v1.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    plan: Any = {"customer": customer, "items": [{"price": club}], "default_payment_method": card}
    subscription = v1.subscriptions.create(plan).id
    added = v1.subscription_items.create({"subscription": subscription, "price": extra, "quantity": 2})
    assert (added.price.id, added.quantity) == (extra, 2)
    assert [item.amount > 0 for item in v1.invoice_items.list({"pending": True}).data] == [True]
    assert v1.subscription_items.update(added.id, {"quantity": 1, "proration_behavior": "none"}).quantity == 1
    assert len(v1.invoice_items.list({"pending": True}).data) == 1
    assert v1.subscription_items.delete(added.id, {"proration_behavior": "none"}).deleted
    items = v1.subscriptions.retrieve(subscription)["items"].data
    assert [item.price.id for item in items] == [club]
    with pytest.raises(stripe.InvalidRequestError, match="at least one active plan"):
        v1.subscription_items.delete(items[0].id)


def test_items_keep_their_metadata(subscriber: Subscriber) -> None:
    item = {"price": new_price(subscriber, 500), "metadata": {"seat": "b"}}
    rows = [{"price": subscriber.price, "metadata": {"seat": "a", "old": "1"}}, item]
    card = subscriber.now.default_payment_method
    params: Any = {"customer": subscriber.customer, "items": rows, "default_payment_method": card}
    created = subscriber.v1.subscriptions.create(params)
    by_price = {each.price.id: each for each in created["items"].data}
    first = by_price[subscriber.price]
    assert (first.metadata["seat"], by_price[item["price"]].metadata["seat"]) == ("a", "b")
    invoices = len(subscriber.invoices)
    change: Any = {"items": [{"id": first.id, "metadata": {"old": "", "new": "2"}}]}
    subscriber.v1.subscriptions.update(created.id, change)
    assert subscriber.v1.subscription_items.retrieve(first.id).metadata.to_dict() == {"seat": "a", "new": "2"}
    subscriber.v1.subscription_items.update(first.id, {"metadata": {"seat": "c"}})
    kept = subscriber.v1.subscriptions.retrieve(created.id)["items"].data
    assert sorted(each.metadata["seat"] for each in kept) == ["b", "c"]
    assert (len(subscriber.invoices), pending(subscriber)) == (invoices, [])


def test_empty_value_removes_one_key_of_the_metadata(subscriber: Subscriber) -> None:
    subscriber.update(metadata={"a": "1", "b": "2"})
    assert subscriber.update(metadata={"a": ""}).metadata.to_dict() == {"b": "2"}
    assert subscriber.update(metadata="").metadata.to_dict() == {}
