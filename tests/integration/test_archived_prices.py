"""Owners of a price that is archived at Stripe keep their plan; unknown prices that were bought are copied."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.ecommerce.catalogue.sync import sync_catalogue
from apps.ecommerce.models import Price, Product, ProductConfiguration, Purchase
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.operations.reconcile import reconcile
from apps.ecommerce.purchases.entitlements import owned
from apps.ecommerce.purchases.fulfilment import sync_purchase
from apps.users.models import User
from tests.factories import add_price, buy
from tests.stripe_actions import change_plan, deliver

pytestmark = pytest.mark.django_db


def test_price_that_was_archived_before_plans_were_stored_gets_its_plan(
    as_ada: Client, ada: User, icons: ProductConfiguration, team: Price, sandbox: Any
) -> None:
    buy(as_ada, icons, team)
    sandbox.client.v1.prices.update(team.id, {"active": False})
    Price.objects.update(plan="")  # the value after the migration
    Purchase.objects.update(plan="")
    sync_catalogue()
    price = Price.objects.get(id=team.id)
    assert (price.active, price.plan) == (False, "team")
    assert owned(ada, icons.product, plans=["team"])


def test_archiving_a_price_keeps_its_plan(
    as_ada: Client, ada: User, icons: ProductConfiguration, team: Price, sandbox: Any
) -> None:
    buy(as_ada, icons, team)
    sandbox.client.v1.prices.update(team.id, {"active": False, "lookup_key": "", "nickname": ""})
    sandbox.deliver()
    sync_catalogue()
    price = Price.objects.get(id=team.id)
    assert (price.active, price.plan) == (False, "team")
    assert owned(ada, icons.product, plans=["team"])


def test_switch_to_an_archived_unknown_price_stores_it_with_its_plan(
    as_ada: Client, ada: User, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = deliver(sandbox, buy(as_ada, club))
    sandbox.switches(drop=["*"])
    special = add_price(sandbox.client, club.product_id, 700, interval="month")
    sandbox.client.v1.prices.update(special, {"lookup_key": "special"})
    change_plan(sandbox, purchase, special)
    sandbox.client.v1.prices.update(special, {"active": False})
    assert sync_purchase(purchase, "test").price_id == special
    assert owned(ada, club.product, plans=["special"])
    assert not Price.objects.get(id=special).active


def test_purchase_of_an_archived_product_is_restored_after_its_rows_were_lost(
    as_ada: Client, ada: User, icons: ProductConfiguration, team: Price, sandbox: Any
) -> None:
    sandbox.switches(drop=["*"])
    buy(as_ada, icons, team)
    sandbox.client.v1.prices.update(team.id, {"active": False})
    sandbox.client.v1.products.update(icons.product_id, {"active": False})
    Purchase.objects.all().delete()
    Product.objects.all().delete()
    reconcile(dry_run=True)
    assert not Product.objects.exists()
    reconcile()
    restored = Purchase.objects.get()
    assert (restored.status, restored.price_id, restored.plan) == (Status.PAID, team.id, "team")
    assert not Product.objects.get().active
    assert owned(ada, restored.product, plans=["team"])
