"""Cached public pages are rebuilt when the catalogue changes and never hold one visitor's data."""

from __future__ import annotations

import gzip
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import caches
from django.db import transaction
from django.test import Client

from apps.core import page_cache
from apps.core.page_cache import public_data
from apps.ecommerce.catalogue import configurations
from apps.ecommerce.catalogue.sync import sync_catalogue, sync_product
from apps.ecommerce.models import (
    Category,
    FaqEntry,
    Lesson,
    Price,
    Product,
    ProductConfiguration,
    Section,
    Tag,
)
from tests.factories import add_file, create_product, signed_in

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("cached_pages", "production")]
INVALIDATE_IN_ANOTHER_PROCESS = """
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
import django
django.setup()
from apps.core import page_cache
page_cache.invalidate()
"""
PAGES = ["/store/", "/store/icon-set/", "/terms/"]


@pytest.fixture
def production(settings: Any, tmp_path: Any) -> None:
    settings.DEBUG = False
    settings.VAR_DIR = tmp_path


@pytest.fixture
def goods(sandbox: Any) -> ProductConfiguration:
    return create_product(sandbox.client)


def text(client: Client, path: str = "/store/", **headers: str) -> str:
    return client.get(path, headers=headers).content.decode()


@pytest.mark.parametrize("path", PAGES)
def test_second_visitor_needs_no_query(
    goods: ProductConfiguration, path: str, django_assert_num_queries: Any
) -> None:
    first = Client().get(path)
    with django_assert_num_queries(0):
        second = Client().get(path)
    assert second.content == first.content
    assert not second.cookies


def test_unchanged_page_is_304(goods: ProductConfiguration) -> None:
    first = Client().get("/store/")
    tag = first["ETag"]
    assert first["Cache-Control"] == "no-cache"
    assert {"Cookie", "Accept-Language"} <= {name.strip() for name in first["Vary"].split(",")}
    for match in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        answer = Client().get("/store/", headers={"If-None-Match": match})
        assert (answer.status_code, answer.content, answer["ETag"]) == (304, b"", tag), match
    assert Client().get("/store/", headers={"If-None-Match": '"another"'}).status_code == 200


def test_compressed_page_has_another_etag(goods: ProductConfiguration) -> None:
    plain, zipped = Client().get("/store/"), Client().get("/store/", headers={"Accept-Encoding": "gzip, br"})
    assert gzip.decompress(zipped.content) == plain.content
    assert zipped["ETag"] != plain["ETag"]


def test_head_is_answered_from_the_cache(goods: ProductConfiguration) -> None:
    assert Client().head("/store/").status_code == 200


def _rename(goods: ProductConfiguration, sandbox: Any) -> None:
    Product.objects.get(pk=goods.product_id).save()
    product = Product.objects.get(pk=goods.product_id)
    product.name = "Renamed"
    product.save()


def _rename_by_bootstrap(goods: ProductConfiguration, sandbox: Any) -> None:
    sandbox.client.v1.products.update(goods.product_id, {"name": "Renamed"})
    sync_catalogue()


def _rename_by_event(goods: ProductConfiguration, sandbox: Any) -> None:
    sandbox.client.v1.products.update(goods.product_id, {"name": "Renamed"})
    sync_product(goods.product_id)


def _change_price(goods: ProductConfiguration, sandbox: Any) -> None:
    price = goods.prices[0]
    price.unit_amount = 12345
    price.save()


def _hide(goods: ProductConfiguration, sandbox: Any) -> None:
    goods.status = "hidden"
    goods.save()


def _delete_price(goods: ProductConfiguration, sandbox: Any) -> None:
    Price.objects.filter(product=goods.product_id).delete()


@pytest.mark.parametrize(
    "change", [_rename, _rename_by_bootstrap, _rename_by_event, _change_price, _hide, _delete_price]
)
def test_catalogue_change_shows_at_once(goods: ProductConfiguration, sandbox: Any, change: Any) -> None:
    before = {path: text(Client(), path) for path in PAGES[:2]}
    change(goods, sandbox)
    for path, old in before.items():
        assert text(Client(), path) != old, path


def test_uncommitted_and_rolled_back_changes_are_not_cached(
    goods: ProductConfiguration,
) -> None:
    version = page_cache.current_version()
    with transaction.atomic():
        goods.save()
        assert page_cache.current_version() == version
        transaction.set_rollback(True)
    assert page_cache.current_version() == version
    goods.save()
    assert page_cache.current_version() != version


def test_page_rendered_before_a_change_is_not_cached_after_it(
    goods: ProductConfiguration, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The catalogue changes while the page is rendered, so the next visitor needs a new page."""
    from apps.ecommerce.views import store as views

    real = views.product_cards

    def slowly(*args: Any) -> Any:
        cards = real(*args)
        Product.objects.filter(pk=goods.product_id).update(name="Renamed")
        page_cache.invalidate()
        return cards

    monkeypatch.setattr(views, "product_cards", slowly)
    assert "Icon set" in text(Client())
    monkeypatch.setattr(views, "product_cards", real)
    assert "Renamed" in text(Client())


def test_other_process_sees_the_change(goods: ProductConfiguration, settings: Any) -> None:
    text(Client())
    Product.objects.filter(pk=goods.product_id).update(name="Renamed")
    location = str(settings.PAGE_CACHE["LOCATION"])
    is_redis = location.startswith("redis")
    environment = {"CACHE_URL": location} if is_redis else {"VAR_DIR": os.path.dirname(location)}
    subprocess.run(
        [sys.executable, "-c", INVALIDATE_IN_ANOTHER_PROCESS], check=True, env=os.environ | environment
    )
    assert "Renamed" in text(Client())


def test_each_language_and_theme_has_its_own_page(goods: ProductConfiguration) -> None:
    english = text(Client())
    german = text(Client(), **{"Accept-Language": "de"})
    assert 'lang="de"' in german
    assert text(Client()) == english
    dark = Client()
    dark.cookies["theme"] = "dark"
    assert 'data-theme="dark"' in text(dark)
    assert text(Client()) == english


def test_query_parameters_never_reach_other_visitors(goods: ProductConfiguration) -> None:
    page = text(Client(), "/store/?utm_source=ada@example.com&page=1")
    assert "ada@example.com" not in page
    text(Client(), "/store/?email=ada@example.com&page=1")
    assert page == text(Client(), "/store/?page=1")


def test_searches_are_not_cached(goods: ProductConfiguration, page_cache_writes: list[Any]) -> None:
    for number in range(5):
        assert Client().get(f"/store/?q=word{number}").status_code == 200
        assert Client().get(f"/store/?product=word{number}").status_code == 200
    assert not page_cache_writes
    assert Client().get("/store/?page=1").status_code == 200
    assert len(page_cache_writes) == 1


def test_signed_in_page_is_not_shared(goods: ProductConfiguration, ada: Any, bob: Any) -> None:
    visitor = text(Client())
    answer = signed_in(ada).get("/store/")
    assert "ada@example.com" in answer.content.decode()
    assert answer["Cache-Control"] == "private, no-store"
    assert "ada@example.com" not in text(signed_in(bob))
    assert text(Client()) == visitor


def test_message_is_shown_once_to_its_visitor_only(goods: ProductConfiguration, as_ada: Client) -> None:
    text(Client(), "/store/")
    as_ada.post("/accounts/logout/")
    assert "data-toast" in text(as_ada, "/store/")
    assert "data-toast" not in text(as_ada, "/store/")
    assert "data-toast" not in text(Client(), "/store/")


def test_visitors_choice_is_saved_without_a_csrf_token(goods: ProductConfiguration, client: Client) -> None:
    assert "csrfmiddlewaretoken" not in text(client, "/store/icon-set/")
    strict = Client(enforce_csrf_checks=True)
    answer = strict.get("/store/icon-set/buy/", {"price": goods.prices[0].id})
    assert answer["Location"].startswith("/accounts/signup/")
    assert strict.session["pending_checkout"]["price"] == goods.prices[0].id


def test_form_from_before_sign_in_asks_to_submit_again(goods: ProductConfiguration, as_ada: Client) -> None:
    price = goods.prices[0].id
    answer = as_ada.get("/store/icon-set/buy/", {"price": price})
    assert (answer.status_code, answer["Location"]) == (303, f"/store/icon-set/?price={price}")


def test_404_is_not_cached(goods: ProductConfiguration) -> None:
    _hide(goods, None)
    assert Client().get("/store/icon-set/").status_code == 404
    assert "ETag" not in Client().get("/store/icon-set/")


def test_page_cached_during_catalogue_sync_is_complete_afterwards(
    sandbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    refresh = configurations.refresh_search_columns

    def with_a_visitor(*args: Any) -> None:
        Client().get("/store/")  # the page is rendered and cached before the new products exist
        refresh(*args)

    monkeypatch.setattr(configurations, "refresh_search_columns", with_a_visitor)
    sandbox.client.v1.products.create(
        {"name": "Brand new", "default_price_data": {"currency": "usd", "unit_amount": 900}}
    )
    sync_catalogue()
    assert "Brand new" in Client().get("/store/").content.decode()


# --- data that all visitors share ---------------------------------------------------------------------------------


@pytest.fixture
def data_writes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """Return a list of the keys and values that `public_data` stores from now on."""
    pages, writes = caches["pages"], []
    set_value = pages.set

    def record(key: str, value: Any, *more: Any, **options: Any) -> None:
        if key.startswith("data-"):
            writes.append((key, value))
        set_value(key, value, *more, **options)

    monkeypatch.setattr(pages, "set", record)
    return writes


def _add_lesson(goods: ProductConfiguration) -> None:
    Lesson.objects.create(section=Section.objects.create(configuration=goods), title="Newly added")


def _set_category(goods: ProductConfiguration) -> None:
    goods.category = Category.objects.create(name="Newly added", slug="new")
    goods.save()


def _add_tag(goods: ProductConfiguration) -> None:
    with transaction.atomic():
        goods.save()
        goods.tags.add(Tag.objects.create(name="Newly added", slug="new"))


CHANGES: list[tuple[str, Callable[[ProductConfiguration], object]]] = [
    ("/store/icon-set/", lambda goods: FaqEntry.objects.create(configuration=goods, question="Newly added")),
    ("/store/icon-set/", lambda goods: add_file(goods, "Newly added")),
    ("/store/icon-set/", _add_lesson),
    ("/store/icon-set/", _set_category),
    ("/store/", _set_category),
    ("/store/", _add_tag),
]


@pytest.mark.parametrize(("path", "change"), CHANGES)
def test_buyers_see_changes_of_shared_data_at_once(
    goods: ProductConfiguration, as_ada: Client, path: str, change: Any, data_writes: list[Any]
) -> None:
    assert "Newly added" not in text(as_ada, path)
    text(as_ada, path)
    assert len({key for key, _data in data_writes}) == len(data_writes) > 0  # stored once
    change(goods)
    assert "Newly added" in text(as_ada, path)


def test_shared_data_contains_nothing_of_buyers_and_owners(
    goods: ProductConfiguration, ada: Any, data_writes: list[Any]
) -> None:
    ProductConfiguration.objects.filter(pk=goods.pk).update(content="Only for owners")
    browser = signed_in(ada)
    for path in ("/store/?type=one_time&utm_source=secret-value", "/store/icon-set/?price=secret-value"):
        text(browser, path, Authorization="secret-value")
    stored = pickle.dumps(data_writes)
    session = browser.session.session_key
    for secret in (ada.email, session, "secret-value", "Only for owners"):
        assert secret.encode() not in stored, secret
    assert goods.product.name.encode() in stored


def test_searches_and_unknown_values_store_no_data(
    goods: ProductConfiguration, as_ada: Client, data_writes: list[Any]
) -> None:
    text(as_ada)
    stored = len(data_writes)
    for query in ("q=word", "product=word", "category=word", "tag=word", "type=word", "sort=name", "page=2"):
        text(as_ada, f"/store/?{query}")
    assert len(data_writes) == stored


def test_draft_that_staff_have_opened_stays_hidden(
    goods: ProductConfiguration, olive: Any, as_ada: Client
) -> None:
    goods.status = "draft"
    goods.save()
    assert signed_in(olive).get("/store/icon-set/").status_code == 200
    for client in (as_ada, Client()):
        assert client.get("/store/icon-set/").status_code == 404


def test_data_of_another_release_is_loaded_again(
    settings: Any, monkeypatch: pytest.MonkeyPatch, client: Client, icons: ProductConfiguration
) -> None:
    settings.DEBUG = False

    pages = caches["pages"]
    get_value = pages.get

    def get_unreadable(key: str, *more: Any, **options: Any) -> Any:
        if key.startswith("data-"):
            raise AttributeError("Can't get attribute 'ProductPage'")
        return get_value(key, *more, **options)

    monkeypatch.setattr(pages, "get", get_unreadable)
    assert public_data("product", lambda: "loaded") == "loaded"
