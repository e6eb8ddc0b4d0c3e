"""What is free is given once: not again after an operator has ended the access, but again after a refund."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from apps.ecommerce.catalogue.sync import sync_catalogue
from apps.ecommerce.models import ProductConfiguration, Purchase
from apps.ecommerce.purchases.entitlements import owned
from apps.users.guests import Guest, new_guest_token
from apps.users.models import User
from tests import factories
from tests.factories import add_price, create_product, first_price
from tests.guest_actions import OWN_PAGE, buy, emailed_link, goods_url

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _guests_can_buy(settings: Any) -> None:
    settings.GUEST_CHECKOUT = True


@pytest.fixture
def wallpaper(sandbox: Any) -> ProductConfiguration:
    return create_product(sandbox.client, "Wallpaper", 0)


def take(browser: Client, product: ProductConfiguration, price_id: str = "", **form: str) -> Any:
    form["price"] = price_id or first_price(product).id
    return browser.post(f"/store/{product.slug}/buy/", form, headers=OWN_PAGE)


def revoke() -> None:
    Purchase.objects.update(revoked_at=timezone.now())


def test_access_that_was_ended_is_not_taken_again(
    as_ada: Client, ada: User, wallpaper: ProductConfiguration
) -> None:
    take(as_ada, wallpaper)
    revoke()
    order = Purchase.objects.get()
    assert take(as_ada, wallpaper)["Location"] == order.get_absolute_url()
    assert Purchase.objects.count() == 1
    assert owned(ada, wallpaper.product) is None


def test_address_whose_access_was_ended_gets_the_same_order(wallpaper: ProductConfiguration) -> None:
    take(Client(), wallpaper, email="gina@example.com")
    revoke()
    take(Client(), wallpaper, email="gina@example.com")
    phone = Client()
    assert phone.post(emailed_link())["Location"] == Purchase.objects.get().get_absolute_url()
    assert phone.get(goods_url(wallpaper)).status_code == 302


def test_order_with_access_comes_before_one_that_was_ended(wallpaper: ProductConfiguration) -> None:
    take(Client(), wallpaper, email="gina@example.com")
    other = Purchase.objects.create_for(
        Guest(new_guest_token()), first_price(wallpaper), "test", status="paid", email="gina@example.com"
    )
    Purchase.objects.filter(pk=other.pk).update(revoked_at=timezone.now())
    take(Client(), wallpaper, email="gina@example.com")
    assert Client().post(emailed_link())["Location"] == goods_url(wallpaper)


@pytest.mark.parametrize("is_guest", [True, False])
def test_refunded_buyer_gets_the_product_when_it_is_free(
    sandbox: Any, as_ada: Client, ada: User, is_guest: bool
) -> None:
    product = create_product(sandbox.client, "Fonts", 900)
    order = buy(Client(), product) if is_guest else factories.buy(as_ada, product)
    sandbox.client.v1.refunds.create({"payment_intent": order.payment_intent_id})
    sandbox.deliver()
    free = add_price(sandbox.client, product.product_id, 0)
    sync_catalogue()
    mail.outbox.clear()
    for _press in range(2):
        if is_guest:
            take(Client(), product, free, email="gina@example.com")
        else:
            take(as_ada, product, free)
    assert list(Purchase.objects.values_list("amount_total", flat=True)) == [0, 900]
    browser = Client() if is_guest else as_ada
    if is_guest:
        browser.post(emailed_link())
    assert browser.get(goods_url(product)).status_code == 200


def test_product_can_be_taken_after_temporary_access_ended(
    wallpaper: ProductConfiguration, ada: User
) -> None:
    """The status of the order is paid until reconcile_purchases ends it."""
    price, now = first_price(wallpaper), timezone.now()
    times = {"granted_at": now - timedelta(days=2), "granted_until": now - timedelta(hours=1)}
    given = Purchase.objects.create_for(ada, price, "test", status="paid")
    Purchase.objects.filter(pk=given.pk).update(**times)
    take(Client(), wallpaper, email=ada.email)
    assert Client().post(emailed_link())["Location"] == goods_url(wallpaper)
