"""An order was paid in this browser, and claimed on another device: "Buy" does not charge for it again."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from apps.ecommerce.models import ProductConfiguration, Purchase
from apps.users.models import User
from tests.guest_actions import buy, emailed_link, goods_url, press_buy

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def paying(settings: Any) -> Client:
    settings.GUEST_CHECKOUT = True
    return Client()


def claim_on_phone() -> Client:
    phone = Client()
    assert phone.post(emailed_link()).status_code == 302
    return phone


@pytest.mark.parametrize("name", ["icons", "club"])
def test_browser_that_paid_is_asked_to_sign_in(
    sandbox: Any, paying: Client, name: str, request: pytest.FixtureRequest
) -> None:
    product = request.getfixturevalue(name)
    buy(paying, product)
    claim_on_phone()
    location = press_buy(paying, product)
    assert location == f"/accounts/login/?{urlencode({'next': f'/store/{product.slug}/'})}"
    page = paying.get(location).content.decode()
    assert f"You bought {product} in this browser. Sign in to open it." in page
    assert Purchase.objects.count() == 1


def test_former_token_opens_nothing(sandbox: Any, icons: ProductConfiguration, paying: Client) -> None:
    order = buy(paying, icons)
    claim_on_phone()
    assert paying.get(goods_url(icons)).status_code == 302
    assert paying.get(order.get_absolute_url()).status_code == 302
    assert "Icon set" not in paying.get("/purchases/").content.decode().partition("<main")[2]


def test_other_products_and_browsers_buy_without_signing_in(
    sandbox: Any, icons: ProductConfiguration, club: ProductConfiguration, paying: Client
) -> None:
    buy(paying, icons)
    claim_on_phone()
    assert "/stripe-sandbox/" in press_buy(paying, club)
    assert "/stripe-sandbox/" in press_buy(Client(), icons)


@pytest.mark.parametrize("change", ["refunded", "deleted account"])
def test_product_can_be_bought_again_when_nobody_has_it(
    sandbox: Any, icons: ProductConfiguration, paying: Client, change: str
) -> None:
    order = buy(paying, icons)
    claim_on_phone()
    if change == "refunded":
        sandbox.client.v1.refunds.create({"payment_intent": order.payment_intent_id})
        sandbox.deliver()
    else:
        User.objects.get().delete()
    assert "/stripe-sandbox/" in press_buy(paying, icons)
