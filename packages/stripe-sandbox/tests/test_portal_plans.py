"""Plan changes in the billing portal: configuration, flows, the page to choose a plan and the one to confirm it."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
import stripe
from django.test import Client
from test_billing import Subscriber
from test_portal import open_portal, page_text
from test_prorations import HALF, new_price

from stripe_sandbox.testing.sdk_types import check_response


@pytest.fixture
def subscriber(sandbox: Any) -> Subscriber:
    """Create a subscription at 900 a month, in the middle of its first period."""
    subscriber = Subscriber(sandbox, "2031-04-01")
    subscriber.advance(HALF)
    return subscriber


def configure(subscriber: Subscriber, *prices: str, **changes: Any) -> str:
    products: dict[str, list[str]] = {}
    for price in prices:
        products.setdefault(str(subscriber.v1.prices.retrieve(price).product), []).append(price)
    feature = {
        "enabled": True,
        "default_allowed_updates": ["price"],
        "products": [{"product": product, "prices": found} for product, found in products.items()],
        "proration_behavior": "always_invoice",
        **changes,
    }
    configuration = subscriber.v1.billing_portal.configurations.create(
        {"features": {"payment_method_update": {"enabled": True}, "subscription_update": feature}}  # type: ignore[typeddict-item]
    )
    check_response(configuration.to_dict(for_json=True))
    return str(configuration.id)


def confirm_flow(subscriber: Subscriber, price: str) -> Any:
    item = {"id": subscriber.item.id, "price": price, "quantity": 1}
    details = {"subscription": subscriber.id, "items": [item]}
    return {"type": "subscription_update_confirm", "subscription_update_confirm": details}


def choose_flow(subscriber: Subscriber) -> Any:
    return {"type": "subscription_update", "subscription_update": {"subscription": subscriber.id}}


def due_today(page: str) -> str:
    (amount,) = re.findall(r'data-testid="amount-due-today">([^<]+)<', page)
    return html.unescape(amount)


def test_buyer_chooses_and_confirms_a_plan(subscriber: Subscriber) -> None:
    yearly = new_price(subscriber, 9000, "year")
    configuration = configure(subscriber, subscriber.price, yearly)
    portal = open_portal(subscriber.sandbox, subscriber.now, configuration=configuration)
    plans = f"{portal}/subscriptions/{subscriber.id}/update"
    assert plans in page_text(portal)
    page = page_text(plans)
    assert f'value="{yearly}"' in page
    assert f'value="{subscriber.price}"' not in page
    confirm = f"{plans}/confirm?price={yearly}"
    assert due_today(page_text(confirm)) == "$85.50"
    assert subscriber.item.price.id == subscriber.price
    assert Client().post(confirm)["Location"] == portal
    assert subscriber.item.price.id == yearly
    assert subscriber.now.latest_invoice.amount_paid == 8550


def test_confirm_flow_shows_proration_and_returns_to_the_store(subscriber: Subscriber) -> None:
    price = new_price(subscriber, 2000)
    flow = confirm_flow(subscriber, price)
    flow["after_completion"] = {"type": "redirect", "redirect": {"return_url": "https://shop.example/done"}}
    configuration = configure(subscriber, subscriber.price, price)
    portal = open_portal(subscriber.sandbox, subscriber.now, configuration=configuration, flow_data=flow)
    confirm = Client().get(portal)["Location"]
    page = page_text(confirm)
    assert due_today(page) == "$5.50"
    assert "Unused time on 1 × Club after 16 Apr 2031: -$4.50" in page
    assert Client().post(confirm)["Location"] == "https://shop.example/done"
    assert subscriber.item.price.id == price
    assert subscriber.now.latest_invoice.amount_paid == 550


def test_choose_flow_opens_the_plans(subscriber: Subscriber) -> None:
    configuration = configure(subscriber, new_price(subscriber, 2000))
    flow = choose_flow(subscriber)
    portal = open_portal(subscriber.sandbox, subscriber.now, configuration=configuration, flow_data=flow)
    assert Client().get(portal)["Location"] == f"{portal}/subscriptions/{subscriber.id}/update"


def test_prorations_on_next_invoice_cost_nothing_today(subscriber: Subscriber) -> None:
    price = new_price(subscriber, 2000)
    configuration = configure(subscriber, price, proration_behavior="create_prorations")
    flow = confirm_flow(subscriber, price)
    portal = open_portal(subscriber.sandbox, subscriber.now, configuration=configuration, flow_data=flow)
    page = page_text(Client().get(portal)["Location"])
    assert due_today(page) == "$0.00"
    assert "$25.50 on May 1, 2031" in page


def test_downgrade_shows_the_credit(subscriber: Subscriber) -> None:
    price = new_price(subscriber, 500)
    portal = open_portal(subscriber.sandbox, subscriber.now, configuration=configure(subscriber, price))
    confirm = f"{portal}/subscriptions/{subscriber.id}/update/confirm?price={price}"
    page = page_text(confirm)
    assert due_today(page) == "$0.00"
    assert "Unused time on 1 × Club after 16 Apr 2031: -$4.50" in page
    Client().post(confirm)
    assert subscriber.v1.customers.retrieve(subscriber.customer).balance == -200


def test_another_plan_than_that_of_the_flow_can_be_confirmed(subscriber: Subscriber) -> None:
    suggested, other = new_price(subscriber, 2000), new_price(subscriber, 3000)
    configuration = configure(subscriber, suggested, other)
    flow = confirm_flow(subscriber, suggested)
    portal = open_portal(subscriber.sandbox, subscriber.now, configuration=configuration, flow_data=flow)
    Client().post(f"{portal}/subscriptions/{subscriber.id}/update/confirm?price={other}")
    assert subscriber.item.price.id == other


def test_quantity_is_kept(subscriber: Subscriber) -> None:
    price = new_price(subscriber, 2000)
    subscriber.update(items=[{"id": subscriber.item.id, "quantity": 3}], proration_behavior="none")
    portal = open_portal(subscriber.sandbox, subscriber.now, configuration=configure(subscriber, price))
    Client().post(f"{portal}/subscriptions/{subscriber.id}/update/confirm?price={price}")
    assert (subscriber.item.price.id, subscriber.item.quantity) == (price, 3)


def test_declined_card_does_not_change_the_plan(subscriber: Subscriber) -> None:
    subscriber.update(default_payment_method=subscriber.attach("pm_card_chargeCustomerFail"))
    price = new_price(subscriber, 2000)
    portal = open_portal(subscriber.sandbox, subscriber.now, configuration=configure(subscriber, price))
    response = Client().post(f"{portal}/subscriptions/{subscriber.id}/update/confirm?price={price}")
    assert response.status_code == 200
    assert 'role="alert">Your card was declined.' in response.content.decode()
    assert (subscriber.item.price.id, subscriber.now.status) == (subscriber.price, "active")
    assert len(subscriber.invoices) == 1


@pytest.mark.parametrize(("behavior", "status"), [("end_trial", "active"), ("continue_trial", "trialing")])
def test_plan_change_ends_or_keeps_the_trial(sandbox: Any, behavior: str, status: str) -> None:
    subscriber = Subscriber(sandbox, "2031-04-01", trial_period_days=14)
    price = new_price(subscriber, 2000)
    configuration = configure(subscriber, price, trial_update_behavior=behavior)
    portal = open_portal(sandbox, subscriber.now, configuration=configuration)
    confirm = f"{portal}/subscriptions/{subscriber.id}/update/confirm?price={price}"
    assert due_today(page_text(confirm)) == ("$20.00" if status == "active" else "$0.00")
    Client().post(confirm)
    assert (subscriber.now.status, subscriber.item.price.id) == (status, price)


def test_several_items_cannot_be_switched(subscriber: Subscriber) -> None:
    price = new_price(subscriber, 2000)
    configuration = configure(subscriber, price)
    subscriber.update(items=[{"price": new_price(subscriber, 300)}])
    for flow in (confirm_flow(subscriber, price), choose_flow(subscriber)):
        with pytest.raises(stripe.InvalidRequestError, match="it has multiple items"):
            open_portal(subscriber.sandbox, subscriber.now, configuration=configuration, flow_data=flow)
    portal = open_portal(subscriber.sandbox, subscriber.now, configuration=configuration)
    plans = f"{portal}/subscriptions/{subscriber.id}/update"
    assert plans not in page_text(portal)
    assert Client().get(plans).status_code == 404
    assert Client().post(f"{plans}/confirm?price={price}").status_code == 404


def test_price_must_be_in_configuration(subscriber: Subscriber) -> None:
    configuration, other = configure(subscriber, subscriber.price), new_price(subscriber, 2000)
    flow = confirm_flow(subscriber, other)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        open_portal(subscriber.sandbox, subscriber.now, configuration=configuration, flow_data=flow)
    assert caught.value.user_message == (
        f"The item `{subscriber.item.id}` cannot be updated to price `{other}` because the configuration"
        f" `{configuration}` does not include the price in its `features[subscription_update][products]`."
    )
    portal = open_portal(subscriber.sandbox, subscriber.now, configuration=configuration)
    plans = f"{portal}/subscriptions/{subscriber.id}/update"
    assert Client().post(f"{plans}/confirm?price={other}").status_code == 404


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"products": []}, "features[subscription_update][products]"),
        ({"default_allowed_updates": []}, "features[subscription_update][default_allowed_updates]"),
        (
            {"products": [{"product": "prod_none", "prices": ["price_none"]}]},
            "features[subscription_update][products][0][product]",
        ),
        (
            {"default_allowed_updates": ["promotion_code"]},
            "features[subscription_update][default_allowed_updates][0]",
        ),
    ],
)
def test_invalid_configuration_is_refused(subscriber: Subscriber, change: Any, param: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        configure(subscriber, subscriber.price, **change)
    assert caught.value.param == param


def test_feature_is_added_to_the_default_configuration(subscriber: Subscriber) -> None:
    price = new_price(subscriber, 2000)
    configurations = subscriber.v1.billing_portal.configurations
    default = configurations.list({"is_default": True}).data[0].id
    products = [{"product": str(subscriber.v1.prices.retrieve(price).product), "prices": [price]}]
    feature = {"enabled": True, "default_allowed_updates": ["price"], "products": products}
    changed = configurations.update(default, {"features": {"subscription_update": feature}})  # type: ignore[typeddict-item]
    update = changed.features.subscription_update
    assert (update.enabled, update.proration_behavior) == (True, "none")
    assert update.products is not None
    assert update.products[0].prices == [price]
    portal = open_portal(subscriber.sandbox, subscriber.now)
    assert f'value="{price}"' in page_text(f"{portal}/subscriptions/{subscriber.id}/update")


def test_feature_is_off_by_default(subscriber: Subscriber) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="turned off"):
        open_portal(subscriber.sandbox, subscriber.now, flow_data=choose_flow(subscriber))
    portal = open_portal(subscriber.sandbox, subscriber.now)
    assert Client().get(f"{portal}/subscriptions/{subscriber.id}/update").status_code == 404


# --- quantities -------------------------------------------------------------------------------------------


@pytest.fixture
def seats(subscriber: Subscriber) -> str:
    """Configure quantities from 2 to 10. Return the URL of the page to choose."""
    limits = {"enabled": True, "minimum": 2, "maximum": 10}
    product = str(subscriber.v1.prices.retrieve(subscriber.price).product)
    products = [{"product": product, "prices": [subscriber.price], "adjustable_quantity": limits}]
    configuration = configure(subscriber, products=products, default_allowed_updates=["quantity"])
    portal = open_portal(subscriber.sandbox, subscriber.now, configuration=configuration)
    return f"{portal}/subscriptions/{subscriber.id}/update"


def test_buyer_changes_the_quantity(subscriber: Subscriber, seats: str) -> None:
    page = page_text(seats)
    assert 'name="quantity" type="number" min="2" max="10" value="1"' in page
    confirm = f"{seats}/confirm?price={subscriber.price}&quantity=3"
    assert due_today(page_text(confirm)) == "$9.00"
    Client().post(confirm)
    assert (subscriber.item.quantity, subscriber.now.latest_invoice.amount_paid) == (3, 900)


@pytest.mark.parametrize("quantity", ["1", "11"])
def test_quantity_beyond_its_limits_is_not_found(subscriber: Subscriber, seats: str, quantity: str) -> None:
    url = f"{seats}/confirm?price={subscriber.price}&quantity={quantity}"
    assert Client().post(url).status_code == 404
    assert subscriber.item.quantity == 1


def test_only_the_allowed_updates_are_possible(subscriber: Subscriber, seats: str) -> None:
    other = new_price(subscriber, 9000, "year")
    assert Client().post(f"{seats}/confirm?price={other}&quantity=2").status_code == 404
    configuration = configure(subscriber, subscriber.price, other)
    portal = open_portal(subscriber.sandbox, subscriber.now, configuration=configuration)
    plans = f"{portal}/subscriptions/{subscriber.id}/update"
    assert 'name="quantity"' not in page_text(plans)
    Client().post(f"{plans}/confirm?price={other}&quantity=5")
    assert (subscriber.item.price.id, subscriber.item.quantity) == (other, 1)


def test_plan_changes_require_payment_method_updates(subscriber: Subscriber) -> None:
    product = str(subscriber.v1.prices.retrieve(subscriber.price).product)
    feature: Any = {
        "enabled": True,
        "default_allowed_updates": ["price"],
        "products": [{"product": product, "prices": [subscriber.price]}],
    }
    with pytest.raises(stripe.InvalidRequestError, match="payment method update is disabled"):
        subscriber.v1.billing_portal.configurations.create({"features": {"subscription_update": feature}})
