"""The shelves: what is shown, found, sorted, and how little the database is asked."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.ecommerce.catalogue import sync_catalogue
from apps.ecommerce.models import Price, Product, ProductConfiguration, Purchase
from apps.ecommerce.models import PurchaseStatus as Status
from tests.factories import add_price, bought, stock

pytestmark = pytest.mark.django_db


@pytest.fixture
def shelves(sandbox: Any) -> None:
    for name, amount, recurring in (
        ("Zine", 1500, {}),
        ("Apron", 4900, {}),
        ("Maker club", 900, {"interval": "month"}),
    ):
        product = sandbox.client.v1.products.create(
            {"name": name, "description": f"All about {name.lower()}s"}
        )
        add_price(sandbox.client, product.id, amount, **recurring)
    sync_catalogue()


def names(client: Client, **query: str) -> list[str]:
    response = client.get("/store/", query)
    assert response.status_code == 200
    return [card.configuration.product.name for card in response.context["cards"]]


def test_search_filter_and_sort_are_in_the_address(shelves: None, client: Client) -> None:
    assert sorted(names(client)) == ["Apron", "Maker club", "Zine"]
    assert names(client, q="zin") == ["Zine"]
    assert names(client, q="ALL about apr") == ["Apron"]
    assert names(client, q="100%_\\'\"<b>") == []
    assert names(client, type="recurring") == ["Maker club"]
    assert sorted(names(client, type="one_time")) == ["Apron", "Zine"]
    assert names(client, sort="name") == ["Apron", "Maker club", "Zine"]
    assert names(client, sort="price") == ["Maker club", "Zine", "Apron"]
    assert names(client, sort="price", type="one_time", q="all") == ["Zine", "Apron"]
    assert names(client, product="zine", sort="price") == ["Zine", "Maker club", "Apron"]


def test_nonsense_in_the_address_is_no_error(shelves: None, client: Client) -> None:
    assert len(names(client, sort="nonsense", type="nonsense", page="nonsense", product="\x00")) == 3
    assert len(names(client, page="99999999999999999999")) == 3


def test_several_prices_are_one_card(shelves: None, sandbox: Any, client: Client) -> None:
    zine = Product.objects.get(name="Zine")
    add_price(sandbox.client, zine.id, 2500)
    add_price(sandbox.client, zine.id, 300, interval="month")
    sync_catalogue()
    assert sorted(names(client)) == ["Apron", "Maker club", "Zine"]
    assert sorted(names(client, type="one_time")) == ["Apron", "Zine"]


def test_an_empty_store_and_an_empty_result_have_words(sandbox: Any, client: Client) -> None:
    empty = client.get("/store/").content.decode()
    nothing = client.get("/store/", {"q": "unicorn"}).content.decode()
    assert empty != nothing
    assert "unicorn" in nothing


def test_what_one_owns_or_waits_for_is_marked(as_ada: Client, shelves: None) -> None:
    zine = ProductConfiguration.objects.get(slug="zine")
    bought(as_ada, zine)
    bought(as_ada, ProductConfiguration.objects.get(slug="maker-club"))
    page = as_ada.get("/store/").content.decode()
    assert "Owned" in page
    assert "Subscribed" in page
    Purchase.objects.filter(product=zine.product).update(status=Status.PROCESSING)
    assert "Processing" in as_ada.get("/store/").content.decode()


def many(count: int) -> None:
    from django.utils import timezone

    now = timezone.now()
    products = [Product(id=f"prod_{i}", name=f"Thing {i}", synced_at=now) for i in range(count)]
    Product.objects.bulk_create(products)
    Price.objects.bulk_create(
        Price(id=f"price_{p.id}", product=p, currency="usd", unit_amount=900, type="one_time", synced_at=now)
        for p in products
    )
    ProductConfiguration.objects.bulk_create(
        ProductConfiguration(product=p, slug=f"thing-{i}", position=i) for i, p in enumerate(products)
    )


@pytest.mark.parametrize("count", [1, 300])
def test_the_number_of_queries_does_not_grow(
    as_ada: Client, client: Client, sandbox: Any, count: int, django_assert_max_num_queries: Any
) -> None:
    many(count)
    with django_assert_max_num_queries(3):  # count, products, prices
        client.get("/store/")
    with django_assert_max_num_queries(7):  # session, user, and two for what she owns
        as_ada.get("/store/")
    with django_assert_max_num_queries(2):
        client.get("/store/thing-0/")


def test_pages_are_links_that_keep_the_search(sandbox: Any, client: Client) -> None:
    many(30)
    page = client.get("/store/", {"q": "thing"})
    assert len(page.context["cards"]) == 24
    assert "q=thing&amp;page=2" in page.content.decode()
    assert len(client.get("/store/", {"q": "thing", "page": "2"}).context["cards"]) == 6


def test_a_product_out_of_the_store_says_so(shelves: None, client: Client) -> None:
    ProductConfiguration.objects.filter(slug="zine").update(is_active=False)
    response = client.get("/store/zine/")
    assert response.status_code == 404
    assert "not for sale" in response.content.decode()
    assert b"Buy now" not in response.content


def test_names_from_stripe_are_text(sandbox: Any, client: Client) -> None:
    stock(sandbox.client, "<script>alert('x')</script>\" onload=alert(1)")
    slug = ProductConfiguration.objects.get().slug
    for path in ("/store/", f"/store/{slug}/"):
        page = client.get(path).content.decode()
        assert "<script>alert" not in page
        assert '" onload=' not in page


def test_yen_have_no_decimals_and_a_year_tells_its_saving(sandbox: Any, client: Client) -> None:
    product = sandbox.client.v1.products.create({"name": "Font"})
    sandbox.client.v1.prices.create({"product": product.id, "currency": "jpy", "unit_amount": 500})
    club = sandbox.client.v1.products.create({"name": "Club"})
    add_price(sandbox.client, club.id, 900, interval="month")
    add_price(sandbox.client, club.id, 9000, interval="year")
    sync_catalogue()
    assert "¥500" in client.get("/store/font/").content.decode()
    page = client.get("/store/club/").content.decode()
    assert "2 months free" in page
    assert "Renews every month at $9 until you cancel." in page
    assert "From $9 / month" in client.get("/store/").content.decode()
