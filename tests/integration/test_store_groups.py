"""Categories and tags filter the store; staff preview what is not on sale; the founder orders products."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from urllib.parse import parse_qs

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.ecommerce.models import Category, FaqEntry, Lesson, ProductConfiguration, Section, Tag
from apps.users.models import User
from tests.factories import add_file, buy, create_many_products, create_product, signed_in

pytestmark = pytest.mark.django_db

BASE = "/admin/ecommerce/productconfiguration/"


@pytest.fixture
def grouped(db: None) -> None:
    """Create six products: 0 to 3 are fonts, 4 is an icon, 5 has no category; 0, 1 and 4 are tagged as free."""
    create_many_products(6)
    rows = list(ProductConfiguration.objects.order_by("pk"))
    fonts = Category.objects.create(name="Fonts", slug="fonts", position=2)
    icon = Category.objects.create(name="Icons", slug="icons", position=1)
    free = Tag.objects.create(name="Free", slug="free")
    for row in rows[:4]:
        row.category = fonts
    rows[4].category = icon
    for row in rows:
        row.save()
    for number in (0, 1, 4):
        rows[number].tags.add(free)


def names(page: str) -> list[str]:
    return re.findall(r"Thing \d", re.sub(r"<title>.*?</title>", "", page))


def counts(page: str) -> dict[str, int]:
    return {
        name: int(count)
        for name, count in re.findall(r'href="[^"]*">([\w ]+) <span class="group__count number">(\d+)', page)
    }


def test_store_is_filtered_by_category_and_tag_in_the_url(grouped: None) -> None:
    client = Client()
    assert counts(client.get("/store/").content.decode()) == {"Icons": 1, "Fonts": 4, "Free": 3}
    page = client.get("/store/?category=fonts").content.decode()
    assert set(names(page)) == {"Thing 0", "Thing 1", "Thing 2", "Thing 3"}
    assert 'aria-current="true">Fonts' in page
    both = client.get("/store/?category=fonts&tag=free").content.decode()
    assert set(names(both)) == {"Thing 0", "Thing 1"}
    assert set(names(client.get("/store/?tag=free&q=thing+4").content.decode())) == {"Thing 4"}


def test_counts_are_those_of_the_other_filters(grouped: None) -> None:
    assert counts(Client().get("/store/?category=fonts").content.decode())["Free"] == 2
    assert counts(Client().get("/store/?q=thing+4").content.decode()) == {"Icons": 1, "Free": 1}


def test_filter_links_keep_the_other_filters(grouped: None) -> None:
    page = Client().get("/store/?category=fonts&sort=name&page=1").content.decode()
    links = {unescape(link) for link in re.findall(r'href="(\?[^"]*)"', page)}
    assert parse_qs("sort=name&category=fonts&tag=free") in [parse_qs(link[1:]) for link in links]
    assert "?sort=name" in links
    assert '<input type="hidden" name="category" value="fonts">' in page


@pytest.mark.parametrize("query", ["category=nothing", "category=<script>", "tag=x", "category=%00"])
def test_unknown_groups_are_ignored(grouped: None, query: str) -> None:
    response = Client().get(f"/store/?{query}")
    if response.status_code == 200:
        assert len(set(names(response.content.decode()))) == 6


def test_random_groups_do_not_fill_the_page_cache(grouped: None, page_cache_writes: list[Any]) -> None:
    for query in ("", "category=fonts", "tag=free", "category=a", "category=b", "tag=c"):
        Client().get(f"/store/?{query}")
    assert len(page_cache_writes) == 3


@pytest.mark.django_db(transaction=True)
def test_renamed_category_appears_on_cached_pages(grouped: None, cached_pages: None) -> None:
    def page() -> bytes:
        return Client().get("/store/").content

    assert b"Fonts" in page()
    category = Category.objects.get(slug="fonts")
    category.name = "Typefaces"
    category.save()
    assert b"Typefaces" in page()


def test_canonical_url_has_the_groups(grouped: None) -> None:
    page = Client().get("/store/?category=fonts&sort=name").content.decode()
    assert re.search(r'rel="canonical" href="[^"]*/store/\?category=fonts"', page)


def test_number_of_queries_is_the_same_for_any_number_of_groups(grouped: None) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as captured:
            Client().get("/store/")
        return len(captured)

    before = count()
    for number in range(40):
        tag = Tag.objects.create(name=f"Tag {number}", slug=f"tag-{number}")
        category = Category.objects.create(name=f"Group {number}", slug=f"group-{number}")
        row = ProductConfiguration.objects.order_by("pk")[number % 6]
        row.tags.add(tag)
        row.category = category
        row.save()
    assert count() == before


# --- previews ---------------------------------------------------------------------------------------------------


@pytest.fixture
def draft(icons: ProductConfiguration) -> ProductConfiguration:
    icons.status = ProductConfiguration.Status.DRAFT
    icons.content = "For owners only"
    icons.save()
    return icons


def test_only_staff_open_the_page_of_a_draft(
    as_olive: Client, as_ada: Client, draft: ProductConfiguration, page_cache_writes: list[Any]
) -> None:
    page = as_olive.get(draft.get_absolute_url())
    assert page.status_code == 200
    assert "no-store" in page["Cache-Control"]
    text = page.content.decode()
    assert "strip--preview" in text
    assert "$19" in text
    assert re.search(r"<button[^>]* disabled>", text)
    assert page_cache_writes == []
    for client in (Client(), as_ada):
        assert client.get(draft.get_absolute_url()).status_code == 404
        assert client.get(f"{draft.get_absolute_url()}?preview").status_code == 404


def test_only_staff_open_the_samples_of_a_draft(
    as_olive: Client, as_ada: Client, draft: ProductConfiguration
) -> None:
    file = add_file(draft, is_sample=True)
    section = Section.objects.create(configuration=draft, title="Basics")
    lesson = Lesson.objects.create(section=section, title="Start", is_preview=True)
    stan = User.objects.create_user("stan@example.com", "stan-helps-out", is_staff=True)
    page = as_olive.get(draft.get_absolute_url()).content.decode()
    for path in (f"samples/{file.pk}/", f"lessons/{lesson.pk}/"):
        assert f"{draft.get_absolute_url()}{path}" in page
        assert as_olive.get(f"{draft.get_absolute_url()}{path}").status_code == 200
        for client in (Client(), as_ada, signed_in(stan)):
            assert client.get(f"{draft.get_absolute_url()}{path}").status_code == 404


def test_staff_without_second_factor_or_permission_see_no_draft(
    olive: User, draft: ProductConfiguration, settings: Any
) -> None:
    stan = User.objects.create_user("stan@example.com", "stan-helps-out", is_staff=True)
    assert signed_in(stan).get(draft.get_absolute_url()).status_code == 404
    settings.ADMIN_REQUIRES_MFA = True
    assert signed_in(olive).get(draft.get_absolute_url()).status_code == 404


def test_staff_who_own_a_product_preview_it_as_a_shopper(
    olive: User, as_olive: Client, icons: ProductConfiguration
) -> None:
    buy(as_olive, icons)
    assert "/purchases/icon-set/" in as_olive.get(icons.get_absolute_url()).content.decode()
    page = as_olive.get(f"{icons.get_absolute_url()}?preview").content.decode()
    assert 'action="/store/icon-set/buy/"' in page


def test_staff_open_the_pages_of_owners_until_they_stop(
    as_olive: Client, as_ada: Client, draft: ProductConfiguration
) -> None:
    assert as_olive.get(f"/purchases/{draft.slug}/").status_code == 302
    add_file(draft)
    page = as_olive.get(f"{BASE}{draft.pk}/owner-preview/", follow=True).content.decode()
    assert "For owners only" in page
    assert "/unsubscribe/" not in page
    assert "strip--preview" in page
    as_olive.get(f"{BASE}{draft.pk}/stop-preview/")
    assert as_olive.get(f"/purchases/{draft.slug}/").status_code == 302
    assert as_ada.get(f"{BASE}{draft.pk}/owner-preview/").status_code == 302
    assert as_ada.get(f"/purchases/{draft.slug}/").status_code == 302


def test_owner_preview_is_only_for_one_product_and_ends_with_the_permission(
    olive: User, as_olive: Client, draft: ProductConfiguration, club: ProductConfiguration
) -> None:
    as_olive.get(f"{BASE}{draft.pk}/owner-preview/")
    assert as_olive.get(f"/purchases/{club.slug}/").status_code == 302
    olive.is_staff = olive.is_superuser = False
    olive.save()
    assert as_olive.get(f"/purchases/{draft.slug}/").status_code == 302


def test_owner_preview_of_a_product_without_a_price(as_olive: Client, draft: ProductConfiguration) -> None:
    draft.product.prices.all().delete()
    assert as_olive.get(f"{BASE}{draft.pk}/owner-preview/", follow=True).status_code == 200


@pytest.mark.parametrize("keys", ["generated", "listed"])
def test_owner_preview_of_a_product_with_licence_keys(
    keys: str, as_olive: Client, draft: ProductConfiguration
) -> None:
    ProductConfiguration.objects.filter(pk=draft.pk).update(licence_keys=keys)
    assert as_olive.get(f"{BASE}{draft.pk}/owner-preview/", follow=True).status_code == 200


# --- order ------------------------------------------------------------------------------------------------------


def order() -> list[str]:
    return list(ProductConfiguration.objects.order_by("position", "id").values_list("slug", flat=True))


def test_products_are_ordered_by_the_posted_list(as_olive: Client, grouped: None) -> None:
    keys = list(ProductConfiguration.objects.order_by("-pk").values_list("pk", flat=True))
    assert as_olive.post(f"{BASE}order/", {"order": keys}).status_code == 302
    assert order() == [f"thing-{number}" for number in (5, 4, 3, 2, 1, 0)]
    assert names(Client().get("/store/").content.decode())[0] == "Thing 5"


def test_buttons_move_a_product_without_javascript(as_olive: Client, grouped: None) -> None:
    keys = list(ProductConfiguration.objects.order_by("pk").values_list("pk", flat=True))
    form = {"order": keys, "move": f"{keys[2]}:-1"}
    page = as_olive.post(f"{BASE}order/", form)
    assert page.status_code == 200
    assert order()[:3] == ["thing-0", "thing-2", "thing-1"]
    assert re.search(rf'value="{keys[2]}:-1"[^>]* autofocus', page.content.decode())
    as_olive.post(f"{BASE}order/", {"order": keys, "move": f"{keys[0]}:-1"})
    assert order()[0] == "thing-0"


def test_new_and_unknown_products_do_not_break_the_order(
    as_olive: Client, sandbox: Any, grouped: None
) -> None:
    keys = list(ProductConfiguration.objects.order_by("-pk").values_list("pk", flat=True))
    new = create_product(sandbox.client, "New", 900)
    posted = [*keys, keys[0], 999_999, "x", "9" * 50]
    assert as_olive.post(f"{BASE}order/", {"order": posted, "move": "x:1"}).status_code == 302
    assert order() == [*(f"thing-{number}" for number in (5, 4, 3, 2, 1, 0)), new.slug]


# --- links --------------------------------------------------------------------------------------------------------


def test_links_lead_to_the_page_of_a_new_product(as_olive: Client, as_ada: Client, sandbox: Any) -> None:
    link = f'href="{BASE}add/"'
    assert link in as_olive.get("/admin/").content.decode()
    assert link in as_olive.get("/stripe-sandbox/").content.decode()
    assert link in as_olive.get("/store/").content.decode()
    for client in (as_ada, Client()):
        assert link not in client.get("/store/").content.decode()


@pytest.mark.django_db(transaction=True)
def test_questions_of_the_product_page_are_cached_until_they_change(
    icons: ProductConfiguration, cached_pages: None
) -> None:
    entry = FaqEntry.objects.create(configuration=icons, question="Old?", answer="Yes")
    assert b"Old?" in Client().get(icons.get_absolute_url()).content
    entry.question = "New?"
    entry.save()
    assert b"Old?" not in Client().get(icons.get_absolute_url()).content
