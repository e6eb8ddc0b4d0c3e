"""The admin's lists and forms of what a product contains: files and licence keys."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.ecommerce.models import LicenceKey
from apps.users.models import User
from tests.factories import add_file, create_product, signed_in

pytestmark = pytest.mark.django_db

FILES = "/admin/ecommerce/productfile/"
KEYS = "/admin/ecommerce/licencekey/"


@pytest.fixture
def as_olive(olive: User) -> Client:
    return signed_in(olive)


@pytest.mark.parametrize("url", [FILES, f"{FILES}add/", KEYS, f"{KEYS}add/"])
def test_queries_do_not_grow_with_the_products(as_olive: Client, sandbox: Any, url: str) -> None:
    def count_queries(products: int) -> int:
        for number in range(products):
            row = create_product(sandbox.client, f"Product {url} {products}-{number}")
            add_file(row)
            LicenceKey.objects.create(configuration=row, key=f"{products}-{number}")
        as_olive.get(url)
        with CaptureQueriesContext(connection) as queries:
            assert as_olive.get(url).status_code == 200
        return len(queries)

    assert count_queries(2) == count_queries(5)


@pytest.mark.parametrize("url", [FILES, KEYS])
def test_list_offers_the_products_that_have_rows(as_olive: Client, sandbox: Any, url: str) -> None:
    icons, book, font = (create_product(sandbox.client, name) for name in ("Icon set", "Book", "Font"))
    for row in (icons, font):
        add_file(row)
        LicenceKey.objects.create(configuration=row, key=row.slug)
    page = as_olive.get(url).content.decode()
    assert f"?configuration__id__exact={icons.pk}" in page
    assert f"?configuration__id__exact={book.pk}" not in page
    assert as_olive.get(url, {"configuration__id__exact": icons.pk}).context["cl"].result_count == 1
    assert as_olive.get(url, {"configuration__id__exact": book.pk}).context["cl"].result_count == 0
