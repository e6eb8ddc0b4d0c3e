"""The template's home page and legal pages, which shops replace."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.ecommerce.models import ProductConfiguration
from tests.integration.test_live_updates import trigger_in
from tests.integration.test_seo import HOSTILE, head, structured_data
from tests.integration.urls import read_body

pytestmark = pytest.mark.django_db


def test_home_page_shows_products_terms_and_contact(
    client: Client, icons: ProductConfiguration, settings: Any
) -> None:
    page = client.get("/").content.decode()
    assert icons.get_absolute_url() in page
    assert "$19" in page
    assert 'href="/refunds/"' in page
    assert f"mailto:{settings.SUPPORT_EMAIL}" in page


def test_home_page_links_to_the_form_of_withdrawal(client: Client, settings: Any) -> None:
    settings.WITHDRAWAL_FORM = True
    assert 'href="/withdraw/"' in client.get("/").content.decode()


def test_home_page_of_an_empty_shop_is_complete(client: Client) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert "How it works" in page.content.decode()


def test_product_off_sale_leaves_the_home_page(client: Client, icons: ProductConfiguration) -> None:
    ProductConfiguration.objects.update(status="hidden")
    assert icons.get_absolute_url() not in client.get("/").content.decode()


def test_home_page_has_structured_data_of_shop_and_search(client: Client, settings: Any) -> None:
    settings.SITE_NAME = HOSTILE
    found = structured_data(client, "/")
    assert found["Organization"]["name"] == found["WebSite"]["name"] == HOSTILE
    logo = read_body(client.get(found["Organization"]["logo"].removeprefix("https://shop.example.com")))
    assert logo["Content-Type"] == "image/png"
    target = found["WebSite"]["potentialAction"]["target"]["urlTemplate"]
    assert target == "https://shop.example.com/store/?q={search_term_string}"


def test_home_page_polls_for_users_only(as_ada: Client, icons: ProductConfiguration) -> None:
    assert trigger_in(as_ada.get("/")) == "awake from:body"
    assert "data-live" not in Client().get("/").content.decode()


def test_sign_in_link_of_the_home_page_has_no_next_page(client: Client) -> None:
    assert 'href="/accounts/login/"' in client.get("/").content.decode()


def test_home_and_legal_pages_have_metadata(client: Client, settings: Any) -> None:
    settings.SITE_URL = "https://shop.example.com"
    seen = set()
    for url in ("/", "/terms/", "/privacy/", "/refunds/"):
        page = head(client, url)
        assert page["canonical"] == page["og:url"] == f"https://shop.example.com{url}"
        assert "robots" not in page
        seen.add(page["title"])
    assert len(seen) == 4


@pytest.mark.parametrize("page", ["terms", "privacy", "refunds"])
def test_legal_pages_name_a_contact(client: Client, settings: Any, page: str) -> None:
    response = client.get(f"/{page}/")
    assert response.status_code == 200
    # once in the page, once in the footer
    assert response.content.decode().count(f"mailto:{settings.SUPPORT_EMAIL}") >= 2


@pytest.fixture(autouse=True)
def _site_url(settings: Any) -> None:
    settings.SITE_URL = "https://shop.example.com"


@pytest.mark.parametrize("path", ["/", "/refunds/"])
def test_guarantee_is_shown_only_with_refund_days(client: Client, settings: Any, path: str) -> None:
    settings.REFUND_DAYS = 37
    assert "37" in client.get(path).content.decode()
    settings.REFUND_DAYS = 0
    response = client.get(path)
    assert response.status_code == 200
    assert "web/_money_back.html" not in [template.name for template in response.templates]


def test_second_visitor_of_the_home_page_needs_no_query(
    cached_pages: None, icons: ProductConfiguration, django_assert_num_queries: Any
) -> None:
    first = Client().get("/")
    with django_assert_num_queries(0):
        assert Client().get("/").content == first.content
