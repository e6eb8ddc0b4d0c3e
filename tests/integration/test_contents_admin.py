"""The admin's lists and forms of what a product contains: files and license keys."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.ecommerce.models import LicenceKey, ProductConfiguration
from apps.users.models import User
from tests.factories import add_file, create_product, signed_in

pytestmark = pytest.mark.django_db

FILES = "/admin/ecommerce/productfile/"
KEYS = "/admin/ecommerce/licencekey/"


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


def test_form_of_a_file_offers_the_lessons_of_its_product(as_olive: Client, sandbox: Any) -> None:
    icons, book = create_product(sandbox.client, "Icon set"), create_product(sandbox.client, "Book")
    for row in (icons, book):
        row.sections.create(title="One").lessons.create(title="Start")
    file = add_file(icons)
    for url in (f"{FILES}add/?configuration={icons.pk}", f"{FILES}{file.pk}/change/"):
        page = as_olive.get(url).content.decode()
        assert "Icon set: Start" in page
        assert "Book: Start" not in page
    page = as_olive.get(f"{FILES}add/").content.decode()
    assert "Icon set: Start" in page
    assert "Book: Start" in page


def test_lesson_of_another_product_is_refused_with_a_message(as_olive: Client, sandbox: Any) -> None:
    icons, book = create_product(sandbox.client, "Icon set"), create_product(sandbox.client, "Book")
    lesson = book.sections.create(title="One").lessons.create(title="Start")
    form = {"configuration": icons.pk, "name": "Guide", "lesson": lesson.pk, "position": 0}
    inline = {"versions-TOTAL_FORMS": 0, "versions-INITIAL_FORMS": 0}
    page = as_olive.post(f"{FILES}add/?configuration={icons.pk}", form | inline).content.decode()
    assert "This lesson belongs to Book." in page


@pytest.mark.parametrize("model", ["productfile", "section", "lesson", "licencekey"])
def test_staff_who_may_only_view_contents_can_open_them(sandbox: Any, model: str) -> None:
    viewer = User.objects.create_user("viewer@example.com", is_staff=True)
    viewer.user_permissions.set(Permission.objects.filter(codename=f"view_{model}"))
    icons = create_product(sandbox.client, "Icon set")
    section = icons.sections.create(title="One")
    rows = {
        "productfile": add_file(icons),
        "section": section,
        "lesson": section.lessons.create(title="Start"),
        "licencekey": LicenceKey.objects.create(configuration=icons, key="K"),
    }
    url = f"/admin/ecommerce/{model}/{rows[model].pk}/change/"
    assert signed_in(viewer).get(url).status_code == 200


@pytest.mark.parametrize("url", [FILES, KEYS])
def test_list_of_a_product_leads_back_to_it(as_olive: Client, sandbox: Any, url: str) -> None:
    icons = create_product(sandbox.client, "Icon set")
    product_page = f'href="/admin/ecommerce/productconfiguration/{icons.pk}/change/"'
    assert product_page in as_olive.get(url, {"configuration__id__exact": icons.pk}).content.decode()
    assert product_page not in as_olive.get(url).content.decode()
    for wrong in ("x", "9" * 30):
        response = as_olive.get(url, {"configuration__id__exact": wrong}, follow=True)
        assert response.status_code == 200


@pytest.mark.parametrize(
    ("setting", "is_warned"), [("", True), ("generated", True), ("listed", False)], ids=str
)
def test_added_keys_that_the_product_does_not_sell_are_reported(
    as_olive: Client, sandbox: Any, setting: str, is_warned: bool
) -> None:
    icons = create_product(sandbox.client, "Icon set")
    ProductConfiguration.objects.update(licence_keys=setting)
    form = {"configuration": icons.pk, "keys": "A-1"}
    page = as_olive.post(f"{KEYS}add/", form, follow=True).content.decode()
    assert "1 key was added" in page
    assert ("does not use the keys of this list" in page) == is_warned


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
