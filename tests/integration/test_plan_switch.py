"""A subscriber switches to another price, and sees the next payment as Stripe computes it."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client

from apps.ecommerce.catalogue.sync import sync_product
from apps.ecommerce.models import Price, ProductConfiguration, Purchase
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.fulfilment import sync_purchase
from tests.factories import add_price, buy, create_product, first_price, url_path

pytestmark = pytest.mark.django_db


@pytest.fixture
def yearly(club: ProductConfiguration, sandbox: Any) -> Price:
    """Return a yearly price of the club, $90."""
    price = add_price(sandbox.client, club.product_id, 9000, interval="year")
    sync_product(club.product_id)
    club.__dict__.pop("prices", None)
    return Price.objects.get(id=price)


def switch(client: Client, purchase: Purchase, price: Price) -> str:
    response = client.post(f"{purchase.get_absolute_url()}switch/", {"price": price.id})
    assert response.status_code == 302
    return str(response["Location"])


def reload(purchase: Purchase) -> Purchase:
    return sync_purchase(Purchase.objects.get(pk=purchase.pk), "test")


def change_subscription(sandbox: Any, purchase: Purchase, **params: Any) -> Purchase:
    sandbox.client.v1.subscriptions.update(purchase.subscription_id, params)
    return reload(purchase)


def test_switch_shows_the_proration_and_changes_the_plan(
    as_ada: Client, club: ProductConfiguration, yearly: Price, sandbox: Any
) -> None:
    purchase = buy(as_ada, club)
    monthly = purchase.price
    portal = switch(as_ada, purchase, yearly)
    page = Client().get(url_path(portal), follow=True)
    text = unescape(re.sub(r"<[^>]+>", " ", page.content.decode()))
    assert "$81.00" in text  # 90 less what is left of the month's 9
    confirm = page.redirect_chain[-1][0] if page.redirect_chain else url_path(portal)
    done = Client().post(url_path(confirm) if "://" in confirm else confirm)
    assert done.status_code in (302, 303), done.content[:300]
    assert purchase.get_absolute_url() in done["Location"]
    purchase = reload(purchase)
    assert (purchase.price, purchase.product_name) == (yearly, "Maker club")
    assert purchase.current_period_end - purchase.current_period_start >= timedelta(days=365)
    paid = [payment.amount_paid for payment in purchase.payments.all()]
    assert paid == [yearly.unit_amount - monthly.unit_amount, monthly.unit_amount]
    assert purchase.paid_until == purchase.current_period_end
    assert (purchase.next_amount, purchase.next_payment_at) == (9000, purchase.current_period_end)


def test_second_switch_uses_the_same_portal_configuration(
    as_ada: Client, club: ProductConfiguration, yearly: Price, sandbox: Any
) -> None:
    purchase = buy(as_ada, club)

    def configurations() -> int:
        return len(sandbox.client.v1.billing_portal.configurations.list().data)

    before = configurations()
    switch(as_ada, purchase, yearly)
    switch(as_ada, purchase, yearly)
    assert configurations() == before + 1


def test_plans_with_the_same_interval_can_be_switched_both_ways(
    as_ada: Client, club: ProductConfiguration, yearly: Price, sandbox: Any
) -> None:
    """Stripe refuses a portal configuration with two monthly prices of a product."""
    key = add_price(sandbox.client, club.product_id, 1900, interval="month")
    sync_product(club.product_id)
    team = Price.objects.get(id=key)
    purchase = buy(as_ada, club)
    first = purchase.price
    for chosen in (team, first, yearly, team):
        portal = url_path(switch(as_ada, purchase, chosen))
        page = Client().get(portal, follow=True)
        done = Client().post(page.redirect_chain[-1][0] if page.redirect_chain else portal)
        assert purchase.get_absolute_url() in done["Location"]
        purchase = reload(purchase)
        assert purchase.price == chosen


def test_subscription_with_add_ons_cannot_be_switched_and_says_why(
    as_ada: Client, club: ProductConfiguration, yearly: Price, sandbox: Any
) -> None:
    addon = create_product(sandbox.client, "Add-on", 300, interval="month")
    purchase = buy(as_ada, club)
    purchase = change_subscription(sandbox, purchase, items=[{"price": first_price(addon).id}])
    assert (purchase.item_count, purchase.price) == (2, first_price(club))
    page = as_ada.get(purchase.get_absolute_url())
    assert not page.context["can_switch"]
    assert f'action="{purchase.get_absolute_url()}switch/"' not in page.content.decode()
    assert switch(as_ada, purchase, yearly) == purchase.get_absolute_url()


@pytest.mark.parametrize("price", ["", "price_of_another_product", "one-time"])
def test_only_other_recurring_prices_of_the_product_are_accepted(
    as_ada: Client, club: ProductConfiguration, yearly: Price, icons: ProductConfiguration, price: str
) -> None:
    purchase = buy(as_ada, club)
    chosen = {"one-time": first_price(icons).id}.get(price, price)
    response = as_ada.post(f"{purchase.get_absolute_url()}switch/", {"price": chosen})
    assert response["Location"] == purchase.get_absolute_url()


def test_next_amount_includes_quantity_and_coupon(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = buy(as_ada, club)
    amount = first_price(club).unit_amount
    assert purchase.next_amount == amount
    item = sandbox.client.v1.subscriptions.retrieve(purchase.subscription_id)["items"].data[0]
    purchase = change_subscription(
        sandbox, purchase, items=[{"id": item.id, "quantity": 3}], proration_behavior="none"
    )
    assert (purchase.quantity, purchase.next_amount) == (3, 3 * amount)


def test_ended_and_ending_subscriptions_have_no_next_payment(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = change_subscription(sandbox, buy(as_ada, club), cancel_at_period_end=True)
    assert (purchase.next_amount, purchase.next_payment_at) == (None, None)
    sandbox.client.v1.subscriptions.cancel(purchase.subscription_id)
    purchase = reload(purchase)
    assert (purchase.status, purchase.next_amount) == (Status.CANCELED, None)


def test_paused_collection_is_known(as_ada: Client, club: ProductConfiguration, sandbox: Any) -> None:
    purchase = change_subscription(sandbox, buy(as_ada, club), pause_collection={"behavior": "void"})
    assert purchase.collection_paused
    purchase = change_subscription(sandbox, purchase, pause_collection="")
    assert not purchase.collection_paused
