"""The store stays sorted by price after an update from a version without several currencies."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client
from django.utils import timezone

from apps.ecommerce.catalogue.sync import sync_catalogue
from apps.ecommerce.models import Product, ProductConfiguration
from tests.factories import create_product

pytestmark = pytest.mark.django_db(transaction=True)


def test_products_keep_their_currency(sandbox: Any, client: Client) -> None:
    create_product(sandbox.client, "Dear", 900)
    yen = sandbox.client.v1.products.create({"name": "Yen"})
    sandbox.client.v1.prices.create({"product": yen.id, "currency": "jpy", "unit_amount": 1000})
    sync_catalogue()
    unpriced = Product.objects.create(id="prod_unpriced", name="Unpriced", synced_at=timezone.now())
    ProductConfiguration.objects.create(product=unpriced, slug="unpriced")
    latest = MigrationExecutor(connection).loader.graph.leaf_nodes()
    MigrationExecutor(connection).migrate([("ecommerce", "0006_external_sales")])
    MigrationExecutor(connection).migrate(latest)
    currencies = dict(ProductConfiguration.objects.values_list("product__name", "sort_currency"))
    assert currencies == {"Dear": "usd", "Yen": "jpy", "Unpriced": ""}
    cards = client.get("/store/?sort=price").context["cards"]
    assert [card.configuration.product.name for card in cards] == ["Yen", "Dear"]
