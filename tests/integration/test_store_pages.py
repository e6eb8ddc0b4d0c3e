"""The store's pages: products, search, order, pagination and number of queries."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from apps.ecommerce.catalogue.report import Report
from apps.ecommerce.catalogue.search_columns import normalize_text, refresh_search_columns
from apps.ecommerce.catalogue.sync import sync_catalogue
from apps.ecommerce.models import Product, ProductConfiguration, Purchase
from apps.ecommerce.models import PurchaseStatus as Status
from tests.factories import add_price, buy, create_many_products, create_product

pytestmark = pytest.mark.django_db


@pytest.fixture
def store_products(sandbox: Any) -> None:
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


def test_search_filter_and_order_are_in_the_url(store_products: None, client: Client) -> None:
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


def test_invalid_parameters_are_ignored(store_products: None, client: Client) -> None:
    assert len(names(client, sort="nonsense", type="nonsense", page="nonsense", product="\x00")) == 3
    assert len(names(client, page="99999999999999999999")) == 3


def test_product_with_several_prices_is_one_card(store_products: None, sandbox: Any, client: Client) -> None:
    zine = Product.objects.get(name="Zine")
    add_price(sandbox.client, zine.id, 2500)
    add_price(sandbox.client, zine.id, 300, interval="month")
    sync_catalogue()
    assert sorted(names(client)) == ["Apron", "Maker club", "Zine"]
    assert sorted(names(client, type="one_time")) == ["Apron", "Zine"]


def test_empty_store_and_empty_result_show_a_message(sandbox: Any, client: Client) -> None:
    empty = client.get("/store/").content.decode()
    nothing = client.get("/store/", {"q": "unicorn"}).content.decode()
    assert empty != nothing
    assert "unicorn" in nothing


def test_owned_and_pending_products_are_marked(as_ada: Client, store_products: None) -> None:
    zine = ProductConfiguration.objects.get(slug="zine")
    buy(as_ada, zine)
    buy(as_ada, ProductConfiguration.objects.get(slug="maker-club"))
    page = as_ada.get("/store/").content.decode()
    assert page.count('data-state="owned"') == 2
    Purchase.objects.filter(product=zine.product).update(status=Status.PROCESSING)
    assert "Processing" in as_ada.get("/store/").content.decode()


@pytest.mark.parametrize("count", [1, 300])
def test_number_of_queries_does_not_grow(
    as_ada: Client, client: Client, sandbox: Any, count: int, django_assert_max_num_queries: Any
) -> None:
    create_many_products(count)
    with django_assert_max_num_queries(4):  # categories and tags, count, products, prices
        client.get("/store/")
    with django_assert_max_num_queries(7):  # session, user, and one for the user's purchases
        as_ada.get("/store/")
    # product, its prices, questions, files and lessons; up to three for the related ones
    with django_assert_max_num_queries(8):
        client.get("/store/thing-0/")
    for query in ("?q=thing", "?type=one_time&sort=price", "?page=1-3", "?product=thing-0&sort=name"):
        with django_assert_max_num_queries(4):
            client.get(f"/store/{query}")


def test_pagination_links_keep_the_search(sandbox: Any, client: Client) -> None:
    create_many_products(30)
    page = client.get("/store/", {"q": "thing"})
    assert len(page.context["cards"]) == 24
    assert 'rel="next" href="?q=thing&amp;page=2"' in page.content.decode()
    assert len(client.get("/store/", {"q": "thing", "page": "2"}).context["cards"]) == 6


@pytest.mark.parametrize("sort", ["", "newest", "name", "price"])
def test_each_product_is_on_exactly_one_page(sandbox: Any, client: Client, sort: str) -> None:
    """All share a price, and many share name and position, so only the last order column distinguishes them."""
    create_many_products(60)
    Product.objects.update(name="Same name")
    ProductConfiguration.objects.update(position=1)
    refresh_search_columns(Report())
    pages = [client.get("/store/", {"sort": sort, "page": page}).context["cards"] for page in "123"]
    seen = [card.configuration.pk for page in pages for card in page]
    assert sorted(seen) == sorted(ProductConfiguration.objects.values_list("pk", flat=True))
    cards_of_all_pages = client.get("/store/", {"sort": sort, "page": "1-3"}).context["cards"]
    assert [card.configuration.pk for card in cards_of_all_pages] == seen


def test_page_parameter_accepts_ranges_within_limits(sandbox: Any, client: Client) -> None:
    create_many_products(300)

    def shown(page: str) -> tuple[int, int, int]:
        context = client.get("/store/", {"page": page}).context
        return context["pages"].first.number, context["pages"].last.number, len(context["cards"])

    assert shown("2") == (2, 2, 24)
    assert shown("2-4") == (2, 4, 72)
    assert shown("4-2") == (4, 4, 24)
    assert shown("13") == (13, 13, 12)
    assert shown("1-13") == (4, 13, 228)  # at most ten pages at once, the last ones
    assert shown("99") == (13, 13, 12)
    for nonsense in ("", "0", "-1", "x", "1-", "1-2-3", "9" * 400, "٣", "\x00"):
        assert shown(nonsense) in {(1, 1, 24), (13, 13, 12)}


def test_fifth_page_loads_by_button(sandbox: Any, client: Client) -> None:
    """With infinite scrolling, shoppers would not reach the footer."""
    create_many_products(300)
    automatic = {n for n in range(1, 14) if b"intersect" in client.get("/store/", {"page": n}).content}
    assert automatic == {1, 2, 3, 5, 6, 7, 9, 10, 11}
    assert b'rel="next"' in client.get("/store/?page=4").content
    assert b'rel="next"' not in client.get("/store/?page=13").content


def test_search_ignores_case_and_accents(sandbox: Any, client: Client) -> None:
    create_product(sandbox.client, "Crème Brûlée–Größenlehre")
    create_product(sandbox.client, "Smørrebrød")
    create_product(sandbox.client, "ŁÓDŹ map")
    for q in ("creme", "CRÈME brulee", "cre\u0300me", "grossen", "GRÖßEN", "brulee-grossenlehre"):
        assert names(client, q=q) == ["Crème Brûlée–Größenlehre"], q
    assert names(client, q="smorre") == ["Smørrebrød"]
    assert names(client, q="lodz") == ["ŁÓDŹ map"]
    assert normalize_text("  ＡＢＣ\tﬁ ") == "abc fi"


def test_match_in_name_comes_before_match_in_description(sandbox: Any, client: Client) -> None:
    book = create_product(sandbox.client, "A book")
    book.tagline = "All about maps"
    book.save()
    create_product(sandbox.client, "Maps")
    assert names(client, q="map") == ["Maps", "A book"]
    assert names(client, q="map", sort="name") == ["A book", "Maps"]


def test_sql_and_markup_in_a_search_are_plain_text(store_products: None, client: Client) -> None:
    assert names(client, q="zi\x00ne") == ["Zine"]
    assert names(client, q="\x00") == names(client)
    assert names(client, q="a" * 100_000) == []
    assert names(client, q="zine " * 10_000) == ["Zine"]
    assert len(client.get("/store/", {"q": "zine " * 10_000}).context["filter"].q) <= 100
    page = client.get("/store/", {"q": '"><script>alert(1)</script>'}).content.decode()
    assert "<script>alert" not in page


def test_order_by_price_uses_the_prices_on_the_cards(
    store_products: None, sandbox: Any, client: Client
) -> None:
    """Inactive prices, and prices in another currency than the card's, do not count."""
    apron = Product.objects.get(name="Apron")
    old = add_price(sandbox.client, apron.id, 1)
    sandbox.client.v1.prices.update(old, {"active": False})
    sandbox.client.v1.prices.create({"product": apron.id, "currency": "eur", "unit_amount": 2})
    sandbox.client.v1.products.update(apron.id, {"default_price": apron.prices.get().id})
    sandbox.client.v1.products.create({"name": "Unpriced"})
    sync_catalogue()
    assert names(client, sort="price") == ["Maker club", "Zine", "Apron"]


def test_search_finds_the_founders_edits_at_once(store_products: None, client: Client) -> None:
    zine = ProductConfiguration.objects.get(slug="zine")
    zine.tagline, zine.description = "Printed in **teal**", "A _riso_ thing."
    zine.save()
    assert names(client, q="teal") == names(client, q="riso") == ["Zine"]
    zine.status = "hidden"
    zine.save()
    assert names(client, q="teal") == []
    assert client.get("/store/").context["pages"].last.paginator.count == 2


def test_each_kind_of_empty_store_has_its_own_message(sandbox: Any, client: Client) -> None:
    create_product(sandbox.client, "Zine")
    word = client.get("/store/?q=unicorn").content.decode()
    both = client.get("/store/?q=zine&type=recurring").content.decode()
    kind = client.get("/store/?type=recurring").content.decode()
    assert "unicorn" in word
    assert 'href="?q=zine"' in both
    assert 'class="empty"' in kind


def test_product_page_shows_related_products(sandbox: Any, client: Client) -> None:
    create_many_products(6)

    def related(slug: str) -> list[str]:
        return [card.configuration.slug for card in client.get(f"/store/{slug}/").context["related"]]

    assert related("thing-0") == ["thing-1", "thing-2", "thing-3", "thing-4"]
    assert related("thing-4") == ["thing-5", "thing-0", "thing-1", "thing-2"]
    ProductConfiguration.objects.exclude(slug="thing-4").update(status="hidden")
    assert related("thing-4") == []


def test_founders_description_replaces_stripes(store_products: None, client: Client) -> None:
    zine = ProductConfiguration.objects.get(slug="zine")
    assert "All about zines" in client.get("/store/zine/").content.decode()
    zine.description = "# Printed\n\nOn *paper*. <script>alert(1)</script>"
    zine.save()
    page = client.get("/store/zine/").content.decode()
    assert "<h3>Printed</h3>" in page
    assert "<em>paper</em>" in page
    assert "<script>alert" not in page
    assert "<p>All about zines" not in page


def test_price_that_is_not_offered_is_not_chosen(store_products: None, client: Client) -> None:
    page = client.get("/store/maker-club/?price=price_of_another").content.decode()
    price = Product.objects.get(name="Maker club").prices.get()
    assert f'value="{price.id}"' in page


def test_product_off_sale_says_so(store_products: None, client: Client) -> None:
    ProductConfiguration.objects.filter(slug="zine").update(status="hidden")
    response = client.get("/store/zine/")
    assert response.status_code == 404
    assert "deal-note" in response.content.decode()
    assert b"Buy now" not in response.content


def test_names_from_stripe_are_escaped(sandbox: Any, client: Client) -> None:
    create_product(sandbox.client, "<script>alert('x')</script>\" onload=alert(1)")
    slug = ProductConfiguration.objects.get().slug
    for path in ("/store/", f"/store/{slug}/"):
        page = client.get(path).content.decode()
        assert "<script>alert" not in page
        assert not re.search(r'(?<!\\)" onload=', page)  # in JSON-LD the quote is escaped within its string


def test_yen_have_no_decimals_and_a_yearly_price_shows_its_saving(sandbox: Any, client: Client) -> None:
    product = sandbox.client.v1.products.create({"name": "Font"})
    sandbox.client.v1.prices.create({"product": product.id, "currency": "jpy", "unit_amount": 500})
    club = sandbox.client.v1.products.create({"name": "Club"})
    add_price(sandbox.client, club.id, 900, interval="month")
    add_price(sandbox.client, club.id, 9000, interval="year")
    sync_catalogue()
    assert "¥500" in client.get("/store/font/").content.decode()
    page = client.get("/store/club/").content.decode()
    assert "2 months free" in page
    assert "Billed $9 every month" in page
    assert "From $9 / month" in client.get("/store/").content.decode()
