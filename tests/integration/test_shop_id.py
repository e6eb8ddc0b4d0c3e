"""Two shops with one Stripe account, for example a shop and its staging site, leave each other's sales alone."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.ecommerce.models import ProductConfiguration, Purchase, StatusChange
from apps.ecommerce.operations.reconcile import reconcile
from apps.ecommerce.purchases.shop_id import shop_id
from apps.users.models import User
from stripe_sandbox import storage
from tests.factories import buy, pay, press_buy

pytestmark = pytest.mark.django_db


def forget_purchases() -> None:
    StatusChange.objects.all().delete()
    Purchase.objects.all().delete()


@pytest.mark.parametrize(("other", "found"), [("shop.example.com", 1), ("staging.example.com", 0)])
@pytest.mark.parametrize("product", ["icons", "club"])
def test_only_the_shops_own_sales_are_restored(
    as_ada: Client,
    request: pytest.FixtureRequest,
    sandbox: Any,
    settings: Any,
    product: str,
    other: str,
    found: int,
) -> None:
    settings.SHOP_ID = "shop.example.com"
    sandbox.switches(drop=["*"])
    buy(as_ada, request.getfixturevalue(product))
    forget_purchases()
    settings.SHOP_ID = other
    reconcile()
    assert Purchase.objects.count() == found


def test_webhook_of_another_shop_is_ignored(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any, settings: Any
) -> None:
    settings.SHOP_ID = (
        "staging.example.com"  # with a copy of the database, in which the session is not saved yet
    )
    pay_url = press_buy(as_ada, icons)
    Purchase.objects.update(session_id=None)
    settings.SHOP_ID = "shop.example.com"
    pay(pay_url)
    sandbox.deliver()
    assert Purchase.objects.get().session_id is None


def test_id_is_in_all_metadata(
    as_ada: Client, icons: ProductConfiguration, club: ProductConfiguration, sandbox: Any, settings: Any
) -> None:
    settings.SHOP_ID = "shop-1"
    buy(as_ada, icons)
    buy(as_ada, club)
    kinds = ("checkout.session", "payment_intent", "subscription", "customer")
    objects = [row for kind in kinds for row in storage.find(kind)]
    own = [row for row in objects if row["metadata"]]
    assert {row["object"] for row in own} == set(kinds)
    assert {row["metadata"]["shop"] for row in own} == {"shop-1"}


def test_sale_from_before_the_setting_is_restored(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any, settings: Any
) -> None:
    sandbox.switches(drop=["*"])
    buy(as_ada, icons)
    session = storage.find("checkout.session")[0]
    del session["metadata"]["shop"]
    storage.put(session)
    forget_purchases()
    reconcile()
    assert Purchase.objects.get().user == User.objects.get(email="ada@example.com")


def test_developers_have_different_ids(settings: Any) -> None:
    settings.SITE_URL = "https://shop.example.com:8443"
    assert shop_id() == "shop.example.com:8443"
    settings.DEBUG = True
    first = shop_id()
    settings.SECRET_KEY = "of another developer"
    assert shop_id() != first
