"""Operators see who has paid twice for one product: also buyers without an account, by their address."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.ecommerce.models import ProductConfiguration, Purchase
from apps.ecommerce.operations.shop_checks import check_shop
from apps.users.models import User
from tests import factories
from tests.factories import create_product, signed_in
from tests.guest_actions import buy, emailed_link

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _guests_can_buy(settings: Any) -> None:
    settings.GUEST_CHECKOUT = True


def reported(name: str) -> list[str]:
    """Return the orders that the alert names."""
    return [row.about for row in check_shop()[name]]


def test_two_browsers_with_one_address_are_reported(
    sandbox: Any, icons: ProductConfiguration, olive: User
) -> None:
    buy(Client(), icons)
    assert reported("paid-twice") == []
    second = buy(Client(), icons)
    assert reported("paid-twice") == [f"order {second.pk}"]
    [problem] = check_shop()["paid-twice"]
    assert "gina@example.com (without an account)" in problem.text
    page = signed_in(olive).get("/admin/").content.decode()
    assert "A buyer has paid twice for one product" in page


def test_account_and_browser_with_one_address_are_reported(
    sandbox: Any, icons: ProductConfiguration, as_ada: Client
) -> None:
    factories.buy(as_ada, icons)
    second = buy(Client(), icons, email="ada@example.com")
    assert reported("paid-twice") == [f"order {second.pk}"]


def test_claim_reports_the_same_order(sandbox: Any, icons: ProductConfiguration) -> None:
    """Otherwise the operator would get a second alert."""
    buy(Client(), icons)
    buy(Client(), icons)
    before = reported("paid-twice")
    Client().post(emailed_link())
    assert not Purchase.objects.unclaimed().exists()
    assert reported("paid-twice") == before


def test_two_subscriptions_with_one_address_are_reported(sandbox: Any, club: ProductConfiguration) -> None:
    buy(Client(), club)
    second = buy(Client(), club)
    assert reported("billed-twice") == [f"order {second.pk}"]
    assert reported("paid-twice") == []


def test_orders_that_are_not_duplicates_are_not_reported(
    sandbox: Any, icons: ProductConfiguration, club: ProductConfiguration, ada: User, as_ada: Client
) -> None:
    """Orders of other products or addresses, free orders, refunded orders, and those of a deleted account."""
    wallpaper = create_product(sandbox.client, "Wallpaper", 0)
    factories.press_buy(as_ada, wallpaper)
    factories.buy(as_ada, icons)
    ada.delete()
    buy(Client(), icons, email="ada@example.com")
    buy(Client(), icons, email="gina@example.com")
    buy(Client(), club, email="gina@example.com")
    refunded = buy(Client(), icons, email="gina@example.com")
    sandbox.client.v1.refunds.create({"payment_intent": refunded.payment_intent_id})
    sandbox.deliver()
    assert reported("paid-twice") == []
    assert reported("billed-twice") == []
