"""One currency for all active subscriptions of a customer. https://docs.stripe.com/invoicing/multi-currency-customers"""

from __future__ import annotations

from typing import Any

import pytest
import stripe
from test_billing import Subscriber
from test_prorations import new_price

MESSAGE = (
    "You cannot combine currencies on a single customer. This customer has an active subscription, subscription"
    " schedule, discount, quote, or invoice item with currency usd"
)


@pytest.fixture
def subscriber(sandbox: Any) -> Subscriber:
    return Subscriber(sandbox)


def subscribe_in_euros(subscriber: Subscriber) -> Any:
    return subscriber.v1.subscriptions.create(
        {
            "customer": subscriber.customer,
            "items": [{"price": new_price(subscriber, 900, currency="eur")}],
            "default_payment_method": subscriber.card,
        }
    )


def open_session(subscriber: Subscriber, mode: str) -> Any:
    price = new_price(subscriber, 900, currency="eur")
    if mode == "payment":
        terms = {"unit_amount": 900, "currency": "eur", "product_data": {"name": "Icons"}}
        price = subscriber.v1.prices.create(terms).id
    params = {"line_items": [{"price": price, "quantity": 1}], "success_url": "https://shop.example/"}
    return subscriber.v1.checkout.sessions.create(
        {"mode": mode, "customer": subscriber.customer, **params}  # type: ignore[typeddict-item]
    )


def currency(subscriber: Subscriber) -> str | None:
    return subscriber.v1.customers.retrieve(subscriber.customer).currency


def test_first_subscription_sets_currency(sandbox: Any) -> None:
    customer = sandbox.client.v1.customers.create({"email": "bob@example.com"})
    assert customer.currency is None
    subscriber = Subscriber(sandbox)
    assert currency(subscriber) == "usd"
    event = sandbox.events("customer.updated")[0]
    assert event["data"]["previous_attributes"] == {"currency": None}


def test_second_currency_is_refused(subscriber: Subscriber) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        subscribe_in_euros(subscriber)
    assert caught.value.user_message == MESSAGE
    with pytest.raises(stripe.InvalidRequestError) as caught:
        open_session(subscriber, "subscription")
    assert caught.value.user_message == MESSAGE


def test_one_time_payment_in_second_currency(subscriber: Subscriber) -> None:
    assert open_session(subscriber, "payment").currency == "eur"


def test_another_currency_is_allowed_after_the_subscription_ended(subscriber: Subscriber) -> None:
    subscriber.v1.subscriptions.cancel(subscriber.id)
    assert open_session(subscriber, "subscription").currency == "eur"
    assert subscribe_in_euros(subscriber).status == "active"
    assert currency(subscriber) == "eur"


def test_balance_does_not_pay_invoices_in_another_currency(subscriber: Subscriber) -> None:
    subscriber.v1.subscriptions.cancel(subscriber.id)
    subscriber.v1.customers.update(subscriber.customer, {"balance": -400})
    created = subscribe_in_euros(subscriber)
    assert subscriber.v1.invoices.retrieve(str(created.latest_invoice)).amount_paid == 900
    assert subscriber.v1.customers.retrieve(subscriber.customer).balance == -400


def test_session_opened_before_a_subscription_in_another_currency_is_refused(
    sandbox: Any, subscriber: Subscriber
) -> None:
    from django.test import Client
    from test_checkout_page import pay

    from stripe_sandbox import cards

    subscriber.v1.subscriptions.cancel(subscriber.id)
    session = open_session(subscriber, "subscription")
    plan = {"items": [{"price": subscriber.price}], "default_payment_method": subscriber.card}
    subscriber.v1.subscriptions.create({"customer": subscriber.customer, **plan})
    pay(Client(), session, cards.BY_NUMBER["4242424242424242"])
    assert subscriber.v1.checkout.sessions.retrieve(session.id).status == "open"
    assert len(subscriber.v1.subscriptions.list({"customer": subscriber.customer}).data) == 1
