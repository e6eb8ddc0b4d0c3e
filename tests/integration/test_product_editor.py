"""The product editor of the admin writes products and prices to Stripe and to the store."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.ecommerce.models import ProductConfiguration, Purchase
from apps.ecommerce.models import PurchaseStatus as Status
from apps.users.models import User
from tests.factories import buy, signed_in
from tests.integration.editor_form import ADD, change_url, read_form, save

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def as_olive(olive: User) -> Client:
    return signed_in(olive)


def test_new_product_is_sold_in_the_store(as_olive: Client, as_ada: Client, sandbox: Any) -> None:
    form = read_form(as_olive, ADD) | {"name": "Field notes", "prices-0-amount": "19"}
    response = save(as_olive, ADD, form, button="_publish")
    row = ProductConfiguration.objects.get(product__name="Field notes")
    assert response["Location"] == change_url(row)
    assert b"Field notes" in Client().get("/store/").content
    item = sandbox.client.v1.products.retrieve(row.product_id)
    [price] = sandbox.client.v1.prices.list({"product": item.id}).data
    assert (item.name, item.default_price, price.unit_amount, price.currency) == (
        "Field notes",
        price.id,
        1900,
        "usd",
    )
    assert buy(as_ada, row).status == Status.PAID
    assert Purchase.objects.get().product_name == "Field notes"
