"""A search forgives one typo in each word, and buyers see what else they may like."""

from __future__ import annotations

import re
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from apps.ecommerce.models import Category, ProductConfiguration, Purchase, SearchWord
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.storefront.corrections import edits
from apps.users.models import User
from tests.factories import buy, create_many_products, create_product, signed_in

pytestmark = pytest.mark.django_db

TEXTS = {
    "Icon set": ("", "Icons for Größe and Schlüssel in 3D"),
    "Course on grids": ("", "Lernvorlagen über Café-Karten"),
    "Handbook": ("A field guide", "Templates, patterns and typography"),
}


@pytest.fixture
def shop(sandbox: Any) -> None:
    for name, (tagline, description) in TEXTS.items():
        row = create_product(sandbox.client, name)
        row.tagline, row.description = tagline, description
        row.save()


def search(client: Client, q: str, **query: str) -> Any:
    response = client.get("/store/", {"q": q, **query})
    assert response.status_code == 200
    return response


def found(response: Any) -> list[str]:
    return [card.configuration.product.name for card in response.context["cards"]]


@pytest.mark.parametrize(
    ("typed", "shown", "name"),
    [
        ("icns", "icons", "Icon set"),  # a letter is missing
        ("iccons", "icons", "Icon set"),  # a letter too many
        ("ikons", "icons", "Icon set"),  # another letter
        ("iocns", "icons", "Icon set"),  # two swapped
        ("HANDBOKO", "handbook", "Handbook"),
        ("handbooks", "handbook", "Handbook"),  # plural
        ("schlüsel", "schlüssel", "Icon set"),
        ("schlussl", "schlüssel", "Icon set"),
        ("Schluessel", "schlüssel", "Icon set"),
        ("Grösze", "größe", "Icon set"),
        ("lernvorlagne", "lernvorlagen", "Course on grids"),
        ("kaffe", "", ""),
        ("caffé", "café", "Course on grids"),
        ("feild guide", "field guide", "Handbook"),
        ("icns 3d", "icons 3d", "Icon set"),  # a short word is not corrected
        ("tempaltes and paterns", "templates and patterns", "Handbook"),  # one typo in each word
    ],
)
def test_one_typo_in_each_word_is_forgiven(
    shop: None, client: Client, typed: str, shown: str, name: str
) -> None:
    response = search(client, typed)
    correction = response.context["correction"]
    assert (correction.q if correction else "") == shown
    assert found(response) == ([name] if name else [])
    if shown:
        page = response.content.decode()
        assert f"Showing results for “{shown}”." in page
        assert f"Search for “{typed}” instead" in page
        assert "exact=1" in page


@pytest.mark.parametrize(
    "typed", ["ic", "set", "icon", "große", "templ", "ons", "GRÖSSE", "café karten", "handbook"]
)
def test_search_with_results_is_not_corrected(shop: None, client: Client, typed: str) -> None:
    response = search(client, typed)
    assert response.context["correction"] is None
    assert found(response)
    assert "Showing results" not in response.content.decode()


@pytest.mark.parametrize(
    "typed", ["ics", "xqzw", "icxxs", "icns xqzw", "feeld gyyde", "1", "%%%%", "日本語話", "'; --"]
)
def test_empty_result_links_to_all_products(shop: None, client: Client, typed: str) -> None:
    response = search(client, typed)
    assert response.context["correction"] is None
    assert found(response) == []
    assert "Browse all products" in response.content.decode()


def test_typed_words_can_be_searched_exactly(shop: None, client: Client) -> None:
    response = search(client, "icns", exact="1")
    assert found(response) == []
    assert "No results for “icns”" in response.content.decode()


def test_correction_keeps_the_filters(shop: None, client: Client, sandbox: Any) -> None:
    category = Category.objects.create(name="Graphics", slug="graphics")
    ProductConfiguration.objects.filter(product__name="Icon set").update(category=category)
    assert found(search(client, "icns", category="graphics")) == ["Icon set"]
    assert found(search(client, "handboko", category="graphics")) == []
    page = search(client, "handboko", category="graphics").content.decode()
    assert "Search all products" in page
    assert found(search(client, "icns", type="recurring")) == []


def test_words_that_begin_like_the_search_come_first(sandbox: Any, client: Client) -> None:
    for name in ("Silicon valley", "Set of icons", "Semiconductors"):
        create_product(sandbox.client, name)
    assert found(search(client, "icon")) == ["Set of icons", "Silicon valley", "Semiconductors"]


def test_the_correction_that_finds_more_is_chosen(sandbox: Any, client: Client) -> None:
    for name in ("Book of hours", "Hook and line", "Hook for walls"):
        create_product(sandbox.client, name)
    assert search(client, "xook").context["correction"].q == "hook"


def test_words_of_drafts_and_hidden_products_correct_no_search(shop: None, client: Client) -> None:
    row = ProductConfiguration.objects.get(product__name="Handbook")
    row.status, row.description = ProductConfiguration.Status.DRAFT, "Confidential unicorns"
    row.save()
    assert not SearchWord.objects.filter(word="unicorns").exists()
    assert found(search(client, "handboko")) == []  # a word of a former product, which no search finds
    row.status = ProductConfiguration.Status.ON_SALE
    row.save()
    assert found(search(client, "unicrons")) == ["Handbook"]


def test_migration_stores_the_same_words(shop: None) -> None:
    stored = set(SearchWord.objects.values_list("word", "shown"))
    SearchWord.objects.all().delete()
    migration = import_module("apps.ecommerce.migrations.0030_search_words")
    migration.fill_words(apps, SimpleNamespace(connection=connection))
    assert set(SearchWord.objects.values_list("word", "shown")) == stored


def test_typed_markup_is_escaped(shop: None, client: Client) -> None:
    page = search(client, "icns <b>").content.decode()
    assert "<b>" not in page


def test_number_of_queries_is_constant(shop: None, client: Client) -> None:
    create_many_products(30)
    with CaptureQueriesContext(
        connection,
    ) as exact:
        search(client, "icons")
    assert len(exact) <= 4
    with CaptureQueriesContext(connection) as corrected:
        search(client, "icns feild")
        first = len(corrected)
    create_many_products(30, start=30)
    with CaptureQueriesContext(connection) as again:
        search(client, "icns feild")
    assert first == len(again) <= 14


@given(st.text("abcdeüж1", min_size=4, max_size=8), st.integers(0, 8), st.sampled_from("abzü9"))
def test_edits_are_all_words_with_one_typo(word: str, place: int, letter: str) -> None:
    place %= len(word)
    others = {
        word[:place] + word[place + 1 :],
        word[:place] + letter + word[place:] if letter.isascii() or "ü" in word else "",
        word[:place] + word[place : place + 2][::-1] + word[place + 2 :],
    }
    assert others - {word, ""} <= edits(word)
    assert word not in edits(word)


def test_gate_marks_the_wanted_product(as_ada: Client, bob: User, shop: None) -> None:
    as_bob = signed_in(bob)
    wanted = ProductConfiguration.objects.get(product__name="Handbook")
    refused = as_bob.get(f"/purchases/{wanted.slug}/")
    assert refused["Location"] == f"/store/?product={wanted.slug}"
    page = as_bob.get(refused["Location"]).content.decode()
    assert page.count("card--wanted") == page.count("You need this product") == 1
    cards = as_bob.get(refused["Location"]).context["cards"]
    assert [card.is_wanted for card in cards] == [True, False, False]
    assert "card--wanted" not in as_bob.get("/store/?product=nonsense").content.decode()
    buy(as_bob, wanted)
    assert "card--wanted" not in as_bob.get(refused["Location"]).content.decode()


def others_on(page: Any) -> list[str]:
    """Return the names below “You might also like”."""
    _before, _heading, after = page.content.decode().partition("You might also like")
    return [name for name in (*TEXTS, "Thing 0", "Club", "Atlas") if f">{name}</a>" in after]


def test_buyers_see_what_they_may_like(as_ada: Client, shop: None, sandbox: Any) -> None:
    category = Category.objects.create(name="Maps", slug="maps")
    bought = ProductConfiguration.objects.get(product__name="Icon set")
    atlas = create_product(sandbox.client, "Atlas")
    ProductConfiguration.objects.filter(pk__in=[bought.pk, atlas.pk]).update(category=category, position=9)
    create_many_products(5)
    purchase = buy(as_ada, bought)
    page = as_ada.get(purchase.get_absolute_url())
    shown = page.content.decode()
    # The product of the same category comes first.
    assert shown.index(">Atlas</a>") < shown.index(">Course on grids</a>")
    assert "Icon set" not in others_on(page)
    assert shown.count('class="card"') == 4
    assert "Atlas" in others_on(as_ada.get("/purchases/"))
    buy(as_ada, atlas)
    assert "Atlas" not in others_on(as_ada.get("/purchases/"))


def test_nothing_is_recommended_before_the_payment(as_ada: Client, ada: User, shop: None) -> None:
    price = ProductConfiguration.objects.get(product__name="Icon set").prices[0]
    purchase = Purchase.objects.create_for(ada, price, "test", status=Status.FAILED)
    assert "You might also like" not in as_ada.get(purchase.get_absolute_url()).content.decode()
    assert "You might also like" not in as_ada.get("/purchases/").content.decode()


def test_owner_of_everything_sees_no_empty_heading(as_ada: Client, icons: ProductConfiguration) -> None:
    purchase = buy(as_ada, icons)
    assert "You might also like" not in as_ada.get(purchase.get_absolute_url()).content.decode()


def test_recommendations_need_few_queries(as_ada: Client, shop: None) -> None:
    purchase = buy(as_ada, ProductConfiguration.objects.get(product__name="Icon set"))
    counts = []
    for start in (0, 20):
        create_many_products(20, start)
        with CaptureQueriesContext(connection) as queries:
            as_ada.get(purchase.get_absolute_url())
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_recommendations_change_with_the_purchases(as_ada: Client, shop: None) -> None:
    """live.js replaces the section if its stamp differs."""

    def stamp() -> str:
        page = as_ada.get("/purchases/").content.decode()
        return re.findall(r'id="other-products" data-live="(.*?)"', page)[0]

    buy(as_ada, ProductConfiguration.objects.get(product__name="Icon set"))
    first = stamp()
    buy(as_ada, ProductConfiguration.objects.get(product__name="Handbook"))
    assert first
    assert stamp() != first
