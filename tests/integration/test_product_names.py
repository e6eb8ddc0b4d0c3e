"""Products of any name and id get a URL of their own and do not affect other products."""

from __future__ import annotations

import os
import re
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpResponse
from django.test import Client
from django.urls import resolve, reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.ecommerce.catalogue import slugs, sync
from apps.ecommerce.catalogue.report import NotSaved
from apps.ecommerce.models import Price, Product, ProductConfiguration
from apps.ecommerce.stripe_api.client import clean_text
from tests.factories import add_price, buy, create_product, save_in_admin, signed_in
from tests.signed_events import deliver, events

pytestmark = pytest.mark.django_db

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))  # see test_fuzz.py
VALID = re.compile(r"[a-z0-9_-]+")
UNUSUAL_NAMES = [
    *sorted(slugs.RESERVED),
    *("Ebook", "EBOOK", "ebook", "e book", "Changes", "changes ", "/changes/", "sitemap.xml", "product"),
    *(
        "图形",
        "كتاب",
        "🎨",
        "🏴‍☠️",
        " ",
        "\u200b",
        "...",
        "---",
        "/",
        "../..",
        "%2e%2e",
        "a\0b",
        "\ud800",
        "a\nb",
    ),
    *(
        "<script>alert(1)</script>",
        "{{ x }}",
        "\u202egnp.exe",
        "x" * 250,
        "é" * 250,
        "İẞ",
        "-" * 80,
        "A" * 90,
    ),
]
UNUSUAL_IDS = [
    *("ebook", "ebook.v2", "ebook/v2", "EBOOK", "..", ".", "/", " ", "%2F", "a b", "图形", "🎨", "?q=1#x"),
    *("x" * 255, "x" * 254 + "y", "y" * 254 + "x", "ab.12345678", "zz.12345678", "<b>", '"', "'", "\\"),
]
anything = st.text(st.characters(exclude_categories=()), max_size=250)
products = st.lists(
    st.tuples(
        st.sampled_from(UNUSUAL_IDS) | st.text(min_size=1, max_size=255),
        st.sampled_from(UNUSUAL_NAMES) | anything,
        st.dictionaries(st.sampled_from(["slug", "tagline"]), st.sampled_from(UNUSUAL_NAMES) | anything),
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda product: product[0],
)


def product(key: Any, name: Any = "Ebook", **fields: Any) -> dict[str, Any]:
    return {
        "id": key,
        "object": "product",
        "name": name,
        "active": True,
        "description": None,
        "default_price": None,
        "images": [],
        "metadata": {},
    } | fields


def price(key: Any, product_id: Any, amount: Any = 900, **fields: Any) -> dict[str, Any]:
    return {
        "id": key,
        "object": "price",
        "product": product_id,
        "active": True,
        "currency": "usd",
        "unit_amount": amount,
        "type": "one_time",
        "recurring": None,
        "nickname": None,
    } | fields


def bootstrap() -> tuple[str, str, int]:
    """Return the command's output, error output and exit status."""
    out, err, status = StringIO(), StringIO(), 0
    try:
        call_command("bootstrap_ecommerce", stdout=out, stderr=err)
    except CommandError as error:
        err.write(str(error))
        status = error.returncode
    return out.getvalue(), err.getvalue(), status


def current_slugs() -> dict[str, str]:
    return dict(ProductConfiguration.objects.values_list("product_id", "slug"))


@pytest.mark.timeout(300 + EXAMPLES)
def test_every_product_has_a_unique_and_permanent_url(stripe_lists: dict[str, list[Any]]) -> None:
    @settings(
        max_examples=EXAMPLES or 20,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=not EXAMPLES,
        database=None,
    )
    @given(products, st.randoms())
    def attempt(found: list[tuple[str, str, dict[str, str]]], random: Any) -> None:
        with transaction.atomic():
            check_products(stripe_lists, found, random)
            transaction.set_rollback(True)

    attempt()


def check_products(
    stripe_lists: dict[str, list[Any]], found: list[tuple[str, str, dict[str, str]]], random: Any
) -> None:
    stripe_lists["products"] = [product(key, name, metadata=metadata) for key, name, metadata in found]
    stripe_lists["prices"] = [price(f"price_{number}", key) for number, (key, *_) in enumerate(found)]
    report = sync.sync_catalogue()
    before = current_slugs()
    assert before.keys() == {clean_text(key) for key, _name, _metadata in found}
    assert report.not_saved == []
    assert len({slug.lower() for slug in before.values()}) == len(before)
    links = re.findall(r'<h2 class="card__name"><a href="([^"]+)">([^<]+)</a>', store_page())
    assert len(links) == len(before)
    assert {resolve(link).kwargs["slug"] for link, _name in links} == set(before.values())
    assert all(name.strip() for _link, name in links)
    for link, _name in random.sample(links, min(len(links), 2)):
        response = Client().get(link)
        assert response.status_code == 200
        assert response.context["configuration"].slug == resolve(link).kwargs["slug"]
    for slug in before.values():
        assert VALID.fullmatch(slug)
        assert slug not in slugs.RESERVED
        for route in slugs.PRODUCT_ROUTES:
            assert resolve(reverse(route, args=[slug])).url_name == route
    for row in stripe_lists["products"]:
        row["name"] = "Renamed"
    random.shuffle(stripe_lists["products"])
    sync.sync_catalogue()
    assert current_slugs() == before


def store_page() -> str:
    response = Client().get("/store/")
    assert response.status_code == 200
    return response.content.decode()


def test_products_with_the_same_name_and_similar_ids_are_listed(stripe_lists: dict[str, list[Any]]) -> None:
    stripe_lists["products"] = [
        product("ebook"),
        product("ebook.v2"),
        product("EBOOK.V2"),
        product("ebook/v2"),
    ]
    stripe_lists["prices"] = [price(str(n), item["id"]) for n, item in enumerate(stripe_lists["products"])]
    assert bootstrap()[2] == 0
    assert store_page().count('class="card"') == 4
    assert current_slugs()["ebook"] == "ebook"


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (product("x" * 256), "id"),
        (product(""), "id"),
        (product(None), "id"),
        ({"id": "bad", "object": "product"}, "name"),
        (product("bad", active="perhaps"), "active"),
        (product("bad", metadata=["no"]), "mapping"),
        ("nonsense", "differs from Stripe's documentation"),
        (price("bad", "good", 2**63), "unit_amount"),
        (price("bad", "good", -1), "amount"),
        (price("bad", "good", "900"), "amount"),
        (price("bad", "good", 9.5), "amount"),
        (price("bad", "good", currency="xyz"), "currency"),
        (price("bad", "good", currency="usdc"), "currency"),
        (price("bad", "good", currency=None), "currency"),
        (price("bad", "good", type="recurring", recurring={"interval": "decade"}), "interval"),
        (price("bad", "good", type="recurring", recurring={"interval": "100%"}), "interval"),
        (price("bad", "good", type="recurring"), "interval"),
        (
            price("bad", "good", type="recurring", recurring={"interval": "day", "interval_count": 2**31}),
            "interval_count",
        ),
        (
            price("bad", "good", type="recurring", recurring={"interval": "day", "interval_count": 0}),
            "interval_count",
        ),
        (price("bad", "good", type="gift"), "type"),
        (price("bad", {"object": "product"}), "id"),
        ({"id": "bad", "object": "price", "product": "good"}, "active"),
        ({"id": "bad", "object": "price"}, "product"),
    ],
)
def test_invalid_row_is_reported_and_the_others_are_saved(
    stripe_lists: dict[str, list[Any]], broken: Any, reason: str
) -> None:
    is_price = isinstance(broken, dict) and broken.get("object") == "price"
    stripe_lists["products"] = [product("first"), *([] if is_price else [broken]), product("good")]
    stripe_lists["prices"] = [price("1", "first"), *([broken] if is_price else []), price("2", "good")]
    _out, error_output, status = bootstrap()
    assert status == 1
    [line] = [line for line in error_output.splitlines() if line.startswith("not saved: ")]
    assert reason in line
    assert "bad" in line or not is_price
    assert current_slugs().keys() == {"first", "good"}
    assert set(Price.objects.values_list("id", flat=True)) == {"1", "2"}
    assert store_page().count("$9") >= 2


def test_dry_run_reports_invalid_rows(stripe_lists: dict[str, list[Any]]) -> None:
    stripe_lists["products"] = [product("good"), product("x" * 256)]
    with pytest.raises(CommandError, match=r"\b1\b"):
        call_command("bootstrap_ecommerce", dry_run=True, stdout=StringIO(), stderr=StringIO())


def test_invalid_characters_in_texts_are_replaced(stripe_lists: dict[str, list[Any]]) -> None:
    texts = {"description": "a\0b\ud800", "metadata": {"k\0": "v\0\udfff", "tagline": "one\n\0two"}}
    stripe_lists["products"] = [
        product("a", "Name\0 \r\nof\x1b[2J\ud800 two lines", **texts),
        product("b", "\u200b\u3000"),
    ]
    stripe_lists["prices"] = [price("1", "a", nickname="n\0" + "n" * 600), price("2", "b")]
    assert bootstrap()[2] == 0
    copy = Product.objects.get(id="a")
    assert copy.name == "Name\ufffd of[2J\ufffd two lines"
    assert (copy.description, copy.configuration.tagline) == ("a\ufffdb\ufffd", "one \ufffdtwo")
    assert copy.metadata["k\ufffd"] == "v\ufffd\ufffd"
    assert len(Price.objects.get(id="1").nickname) == 500
    assert Product.objects.get(id="b").name == "b"  # links need a text
    assert store_page().count('class="card"') == 2


def test_name_longer_than_the_column_is_shortened(stripe_lists: dict[str, list[Any]]) -> None:
    stripe_lists["products"] = [product("a", "n" * 5000)]
    assert bootstrap()[2] == 0
    assert Product.objects.get().name == "n" * 500


def test_row_that_becomes_invalid_keeps_its_last_copy(stripe_lists: dict[str, list[Any]]) -> None:
    stripe_lists["products"], stripe_lists["prices"] = [product("a")], [price("1", "a")]
    bootstrap()
    stripe_lists["products"], stripe_lists["prices"] = [product("a", active=None)], [price("1", "a", 2**80)]
    assert bootstrap()[2] == 1
    assert Product.objects.get().active
    assert (Price.objects.get().active, Price.objects.get().unit_amount) == (True, 900)


def test_database_error_in_one_row_does_not_stop_the_others(
    stripe_lists: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    bulk_create = QuerySet.bulk_create

    def refuse_bad_row(table: QuerySet, rows: Any, **options: Any) -> Any:
        if table.model is Product and any(row.id == "bad" for row in rows):
            raise ValueError("refused by the database")
        return bulk_create(table, rows, **options)

    monkeypatch.setattr(QuerySet, "bulk_create", refuse_bad_row)
    stripe_lists["products"] = [product("first"), product("bad", "Bad one"), product("good")]
    stripe_lists["prices"] = [price("1", "first"), price("2", "bad"), price("3", "good")]
    out, error_output, status = bootstrap()
    assert "not saved: Bad one (bad): ValueError: refused by the database" in error_output
    assert (status, set(current_slugs())) == (1, {"first", "good"})
    assert "4 added" in out


def test_product_sync_saves_valid_prices_and_raises_for_invalid_ones(
    sandbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = product("prod_1", "Broken price")
    prices = [price("good", item), price("bad", item, currency="xyz")]
    monkeypatch.setattr(sync, "fetch_pages", lambda *_args, **_params: iter([prices]))
    with pytest.raises(NotSaved, match=r"price bad: the currency 'xyz' is unknown"):
        sync.sync_product("prod_1")
    assert Price.objects.get().id == "good"
    assert ProductConfiguration.objects.get().slug == "broken-price"


@pytest.mark.parametrize(
    "key", ["ebook.v2", "a b", "a/b", "..", ".", "图形", "a+b", "a%2Fb", "?q#x", "'", "x" * 255]
)
def test_events_of_products_with_unusual_ids_are_processed(sandbox: Any, key: str) -> None:
    sandbox.client.v1.products.create({"name": "Ebook", "id": key})
    for event in events(sandbox, "product.created"):
        assert deliver(event).status_code == 200
    add_price(sandbox.client, key, 900)
    for event in events(sandbox, "price.created"):
        assert deliver(event).status_code == 200
    assert Price.objects.get().product_id == key
    assert store_page().count('class="card"') == 1
    sandbox.client.v1.products.update(key, {"active": False})
    for event in events(sandbox, "product.updated"):
        assert deliver(event).status_code == 200
    assert not Product.objects.get(id=key).active


def test_product_id_that_equals_a_stripe_path_is_synced(sandbox: Any) -> None:
    # GET /v1/products/search is another endpoint.
    sandbox.client.v1.products.create({"name": "Ebook", "id": "search"})
    sync.sync_product("search")
    assert Product.objects.get().id == "search"


def test_product_after_the_maximum_position_is_saved(stripe_lists: dict[str, list[Any]]) -> None:
    stripe_lists["products"] = [product("a")]
    bootstrap()
    ProductConfiguration.objects.update(position=2**31 - 1)
    stripe_lists["products"].append(product("b"))
    assert bootstrap()[2] == 0
    assert len(current_slugs()) == 2


def test_slug_taken_by_a_concurrent_sync_is_replaced(
    stripe_lists: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes choose the same slug; the second gets a conflict and chooses again."""
    stripe_lists["products"] = [product("a")]
    bootstrap()
    choose = slugs.choose_slugs
    answers = [lambda rows, _report: {row.id: "ebook" for row in rows}, choose]
    monkeypatch.setattr(
        "apps.ecommerce.catalogue.configurations.choose_slugs", lambda *args: answers.pop(0)(*args)
    )
    stripe_lists["products"].append(product("b"))
    assert bootstrap()[2] == 0
    assert current_slugs()["b"].startswith("ebook-")


def test_invalid_slug_in_the_database_breaks_no_page(sandbox: Any, as_ada: Client) -> None:
    icons, other = create_product(sandbox.client, "Icon set"), create_product(sandbox.client, "Font")
    order = buy(as_ada, icons)
    pages = ["/store/", f"/store/{other.slug}/", "/purchases/", order.get_absolute_url()]
    pages += ["/sitemap.xml", "/sitemap-products.xml"]
    for slug in ["ebook.v2", "図形", "a b", "a/b", "..", "", "%2F", "changes", '"><b>', "\n"]:
        ProductConfiguration.objects.filter(pk=icons.pk).update(slug=slug)
        for page in [*pages, "/store/?product=" + slug]:
            assert as_ada.get(page).status_code in (200, 302), (slug, page)
        for page in pages[:2]:
            assert Client().get(page).status_code == 200, (slug, page)


def test_product_card_with_an_error_is_left_out(
    sandbox: Any, as_ada: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    icons = create_product(sandbox.client, "Icon set")
    create_product(sandbox.client, "Font")
    create_product(sandbox.client, "Tools")
    broken = Product.picture

    def picture(row: Product) -> Any:
        if row.id == icons.product_id:
            raise RuntimeError("whatever")
        return broken.fget(row)  # type: ignore[attr-defined]

    monkeypatch.setattr(Product, "picture", property(picture))
    for client in (as_ada, Client()):
        for page in ("/store/", "/store/font/"):
            response = client.get(page)
            assert response.status_code == 200
            assert "Tools" in response.content.decode()
            assert 'href="/store/icon-set/"' not in response.content.decode()


def test_price_ids_are_quoted_in_urls(stripe_lists: dict[str, list[Any]]) -> None:
    stripe_lists["products"], stripe_lists["prices"] = [product("a")], [price('gold & "more"/1?#', "a")]
    bootstrap()
    page = Client().get("/store/ebook/").content.decode()
    assert "/store/ebook/?price=gold+%26+%22more%22%2F1%3F%23" in page


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("changes", "reserved"),
        ("Checkout", "reserved"),
        ("FONT", "taken"),
        ("font", "taken"),
        ("größe", "invalid"),
        ("a/b", "invalid"),
        ("", "required"),
        ("x" * 81, "max_length"),
    ],
)
def test_admin_shows_an_error_for_an_invalid_slug(sandbox: Any, olive: Any, typed: str, code: str) -> None:
    icons, _font = create_product(sandbox.client, "Icon set"), create_product(sandbox.client, "Font")
    page = save_slug(olive, icons, typed)
    assert page.status_code == 200
    errors = page.context["adminform"].form.errors["slug"].as_data()
    assert code in [error.code for error in errors]
    assert current_slugs()[icons.product_id] == "icon-set"


def test_admin_accepts_valid_slugs_and_unchanged_reserved_ones(sandbox: Any, olive: Any) -> None:
    icons = create_product(sandbox.client, "Icon set")
    assert save_slug(olive, icons, "Other-icons_2").status_code == 302
    assert current_slugs()[icons.product_id] == "Other-icons_2"
    ProductConfiguration.objects.update(slug="checkout")  # a slug from before "checkout" was reserved
    assert save_slug(olive, icons, "checkout").status_code == 302


def save_slug(operator: Any, row: ProductConfiguration, slug: str) -> Any:
    form = {
        "slug": slug,
        "status": "on_sale",
        "position": "1",
        "tagline": "",
        "description": "",
        "content": "",
    }
    page = reverse("admin:ecommerce_productconfiguration_settings", args=[row.pk])
    return save_in_admin(signed_in(operator), page, form)


def test_new_route_under_store_is_a_reserved_slug(monkeypatch: pytest.MonkeyPatch) -> None:
    from django.urls import clear_url_caches, path

    from config import urls

    assert not slugs.is_reserved("gift-cards")
    monkeypatch.setattr(
        urls, "urlpatterns", [path("store/gift-cards/", lambda _: HttpResponse()), *urls.urlpatterns]
    )
    clear_url_caches()
    try:
        assert slugs.is_reserved("gift-cards")
    finally:
        monkeypatch.undo()
        clear_url_caches()
