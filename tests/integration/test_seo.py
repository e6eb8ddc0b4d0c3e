"""Metadata, indexing, structured data and sitemap."""

from __future__ import annotations

import html
import json
import re
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, path

from apps.core.middleware.response_headers import INDEXED_IMAGES
from apps.ecommerce.catalogue.sync import sync_catalogue
from apps.ecommerce.models import Price, Product, ProductConfiguration
from apps.ecommerce.money import decimals
from apps.shop import urls as shop_urls
from apps.web.sitemap import PagesSitemap, ProductsSitemap
from config.urls import urlpatterns
from tests.factories import add_price, buy, create_many_products, create_product
from tests.integration.urls import read_body

pytestmark = pytest.mark.django_db

HOSTILE = """</script><!--<script>alert("1")</script> & 'Ünicode'"""
CURRENCIES = {"usd": ("19.99", 1999), "jpy": ("500", 500), "kwd": ("1.250", 1250), "isk": ("700.00", 70000)}
XML = {
    "s": "http://www.sitemaps.org/schemas/sitemap/0.9",
    "i": "http://www.google.com/schemas/sitemap-image/1.1",
}


@pytest.fixture(autouse=True)
def _site_url(settings: Any) -> None:
    settings.SITE_URL = "https://shop.example.com"


# --- metadata -----------------------------------------------------------------------------------------------


def head(client: Client, url: str, **headers: str) -> dict[str, str]:
    """Return the page's meta elements by name or property, with its title and canonical URL."""
    page = client.get(url, headers=headers).content.decode().partition("</head>")[0]
    found = dict(re.findall(r'<meta (?:name|property)="([^"]+)" content="([^"]*)"', page))
    found["title"] = re.findall("<title>(.*?)</title>", page, re.DOTALL)[0]
    found["canonical"] = next(iter(re.findall(r'<link rel="canonical" href="([^"]*)">', page)), "")
    return {name: html.unescape(value) for name, value in found.items()}


def test_public_pages_have_metadata(client: Client, icons: ProductConfiguration, settings: Any) -> None:
    site_paths = {"/store/?utm_source=x": "/store/", "/store/icon-set/?price=x": "/store/icon-set/"}
    seen = []
    for url, canonical in site_paths.items():
        page = head(client, url)
        assert page["canonical"] == page["og:url"] == f"https://shop.example.com{canonical}"
        assert page["title"] == f"{page['og:title']} · {settings.SITE_NAME}"
        assert page["description"] == page["og:description"]
        assert page["og:site_name"] == settings.SITE_NAME
        assert page["og:locale"] == "en_US"
        assert page["twitter:card"] == "summary_large_image"
        assert page["og:image"] == "https://shop.example.com/static/brand/og.png"
        assert "robots" not in page
        seen.append((page["title"], page["description"]))
    assert len({title for title, _ in seen}) == len({description for _, description in seen}) == 2
    assert head(client, "/store/", **{"Accept-Language": "de"})["og:locale"] == "de_DE"


def test_product_metadata_uses_name_tagline_and_description(client: Client, sandbox: Any) -> None:
    product = sandbox.client.v1.products.create(
        {"name": HOSTILE, "description": f"All {HOSTILE}.\n\n" + "and more " * 50}
    )
    add_price(sandbox.client, product.id, 900)
    sync_catalogue()
    row = ProductConfiguration.objects.get()
    row.tagline = "One line."
    row.save()
    page = head(client, row.get_absolute_url())
    assert page["og:title"] == HOSTILE
    assert page["og:type"] == "product"
    assert page["description"].startswith(f"One line. All {HOSTILE}. and more and")
    assert len(page["description"]) <= 160


def test_store_pages_are_indexed_by_type_and_page_and_searches_are_not(client: Client, sandbox: Any) -> None:
    create_many_products(60)
    store = "https://shop.example.com/store/"
    for query, canonical in {
        "?type=one_time": f"{store}?type=one_time",
        "?sort=price&type=one_time&page=2": f"{store}?type=one_time&page=2",
        "?page=2-3": f"{store}?page=2",
        "?page=1-3&sort=name": store,
        "?type=nonsense&page=nonsense": store,
    }.items():
        page = head(client, f"/store/{query}")
        assert (page["canonical"], "robots" in page) == (canonical, False), query
    for query in ("?q=thing", "?product=thing-1&type=one_time"):
        page = head(client, f"/store/{query}")
        assert (page["canonical"], page["robots"]) == ("", "noindex")


# --- indexing and caching -----------------------------------------------------------------------------------


def site_paths() -> list[tuple[str, str]]:
    """Return a (name, path) for every pattern of the URL configuration."""
    found = []

    def walk(patterns: list[URLPattern | URLResolver], prefix: str, namespace: str) -> None:
        for entry in patterns:
            if isinstance(entry, URLResolver) and entry.urlconf_module is shop_urls:
                continue  # test_access.py requests them
            part = re.sub(
                r"\(\?P<\w+>(?:[^()]|\([^()]*\))*\)|<uuid:\w+>|<[^>]+>", _example_value, str(entry.pattern)
            )
            path = prefix + part.replace("^", "").replace("\\Z", "").replace("$", "").replace("\\", "")
            if isinstance(entry, URLResolver):
                walk(
                    entry.url_patterns,
                    path,
                    f"{namespace}{entry.namespace}:" if entry.namespace else namespace,
                )
            else:
                found.append((f"{namespace}{entry.name}", path))

    walk(get_resolver().url_patterns, "/", "")
    return found


def _example_value(parameter: re.Match[str]) -> str:
    return "00000000-0000-4000-8000-000000000000" if "uuid" in parameter[0] else "1"


def test_pages_are_not_indexed_or_cached_by_default(as_ada: Client, olive: Any) -> None:
    """Request every URL as a visitor and as a user."""
    indexed_pages = {"home", "store", "product", "terms", "privacy", "refunds"}
    public = {"stylesheet", "manifest", "robots", "sitemap", "sitemap_part"} | INDEXED_IMAGES
    requested = set()
    for name, url in site_paths():
        for client in (Client(raise_request_exception=False), as_ada):
            client.raise_request_exception = False
            response = client.get(url)
            cache = response.headers.get("Cache-Control", "")
            if name not in indexed_pages | INDEXED_IMAGES:
                assert "noindex" in response.headers["X-Robots-Tag"], (name, url)
            if name not in public | indexed_pages or response.status_code != 200:
                assert re.search("private|no-store", cache) or name in public, (name, url, cache)
            requested.add(name)
    assert (
        indexed_pages
        | INDEXED_IMAGES
        | {"purchases", "purchase", "account_login", "admin:index", "buy", "stripe_webhook"}
        <= requested
    )
    assert len(requested) > 80


def new_page(request: HttpRequest) -> HttpResponse:
    return HttpResponse("a new page")


class URLsWithNewPages:
    urlpatterns = [path("new/", new_page), path("new/named/", new_page, name="news")]


def test_new_pages_are_not_indexed_or_cached(client: Client, settings: Any) -> None:
    settings.ROOT_URLCONF = URLsWithNewPages
    for url in ("/new/", "/new/named/"):
        response = client.get(url)
        assert response["X-Robots-Tag"] == "noindex"
        assert response["Cache-Control"] == "private, no-store"


def test_private_pages_are_not_indexed_or_cached(as_ada: Client, icons: ProductConfiguration) -> None:
    order = buy(as_ada, icons).get_absolute_url()
    for url in (
        "/purchases/",
        "/purchases/icon-set/",
        order,
        f"{order}status/",
        "/accounts/",
        "/store/checkout/return/",
    ):
        response = as_ada.get(url)
        assert response["X-Robots-Tag"] == "noindex"
        assert "no-store" in response["Cache-Control"]
        assert "og:title" not in response.content.decode()


def test_public_pages_and_images_can_be_indexed(client: Client, icons: ProductConfiguration) -> None:
    image = head(client, "/store/")["og:image"].removeprefix("https://shop.example.com")
    for url in ("/store/", "/store/icon-set/", "/terms/", "/art/x.svg", "/favicon.ico", image):
        assert "X-Robots-Tag" not in read_body(client.get(url)).headers, url


# --- structured data ----------------------------------------------------------------------------------------


def structured_data(client: Client, url: str) -> dict[str, Any]:
    """Return the nodes of the page's JSON-LD by type."""
    page = client.get(url).content.decode()
    scripts = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page, re.DOTALL)
    assert len(scripts) <= 1
    graph = [node for script in scripts for node in json.loads(script)["@graph"]]
    return {node["@type"]: node for node in graph}


@pytest.mark.parametrize("currency", CURRENCIES)
def test_structured_data_of_a_product_has_an_offer_for_each_price(
    client: Client, sandbox: Any, currency: str
) -> None:
    major, minor = CURRENCIES[currency]
    product = sandbox.client.v1.products.create({"name": HOSTILE})
    money: Any = {"product": product.id, "currency": currency, "unit_amount": minor}
    sandbox.client.v1.prices.create(money)
    sandbox.client.v1.prices.create({**money, "recurring": {"interval": "month", "interval_count": 3}})
    retired = sandbox.client.v1.prices.create({**money, "unit_amount": 99})
    sandbox.client.v1.prices.update(retired.id, {"active": False})
    sync_catalogue()
    row = ProductConfiguration.objects.get()
    url = f"https://shop.example.com{row.get_absolute_url()}"
    found = structured_data(client, row.get_absolute_url())
    assert (found["Product"]["name"], found["Product"]["url"]) == (HOSTILE, url)
    offers = {offer["url"]: offer for offer in found["Product"]["offers"]}
    assert set(offers) == {f"{url}?price={price.id}" for price in row.prices}
    for price in row.prices:
        offer = offers[f"{url}?price={price.id}"]
        assert (offer["price"], offer["priceCurrency"]) == (major, currency.upper())
        assert Decimal(offer["price"]).scaleb(decimals(currency)) == price.unit_amount
        assert offer["availability"] == "https://schema.org/InStock"
        terms = offer.get("priceSpecification", {})
        assert (terms.get("billingDuration"), terms.get("unitCode"), terms.get("price")) == (
            ("P3M", "MON", major) if price.is_recurring else (None, None, None)
        )
    steps = found["BreadcrumbList"]["itemListElement"]
    assert [step["position"] for step in steps] == [1, 2, 3]
    assert [step["item"] for step in steps] == [
        "https://shop.example.com/",
        "https://shop.example.com/store/",
        url,
    ]


def test_structured_data_escapes_names(client: Client, sandbox: Any) -> None:
    row = create_product(sandbox.client, HOSTILE)
    page = client.get(row.get_absolute_url()).content.decode()
    script = page.partition('<script type="application/ld+json">')[2].partition("</script>")[0]
    assert json.loads(script)["@graph"][0]["name"] == HOSTILE
    assert not re.search("[<>&]", script)


def test_structured_data_omits_missing_prices_and_inactive_products(as_ada: Client, sandbox: Any) -> None:
    sandbox.client.v1.products.create({"name": "Unpriced"})
    icons = create_product(sandbox.client)
    assert "offers" not in structured_data(as_ada, "/store/unpriced/")["Product"]
    buy(as_ada, icons)
    Product.objects.filter(pk=icons.product_id).update(active=False)
    assert as_ada.get("/store/icon-set/").status_code == 200  # the owner can open the page
    assert structured_data(as_ada, "/store/icon-set/") == {}
    Product.objects.update(active=True)
    Price.objects.update(active=False)
    assert "offers" not in structured_data(Client(), "/store/icon-set/")["Product"]


# --- robots.txt and sitemap ---------------------------------------------------------------------------------


def xml(client: Client, url: str) -> ElementTree.Element:
    response = client.get(url.removeprefix("https://shop.example.com"))
    assert response.status_code == 200
    assert "public" in response["Cache-Control"]
    return ElementTree.fromstring(response.content)


def test_robots_txt_allows_everything_and_names_the_sitemap(client: Client, settings: Any) -> None:
    settings.ROOT_URLCONF = "apps.web.urls"  # apps/shop may have another /robots.txt
    text = client.get("/robots.txt").content.decode()
    assert "Disallow:\n" in text
    assert "Sitemap: https://shop.example.com/sitemap.xml" in text


def test_sitemap_lists_products_on_sale_with_their_last_change(client: Client, sandbox: Any) -> None:
    icons, club = (
        create_product(sandbox.client, "Icon set & <more>"),
        create_product(sandbox.client, "Maker club"),
    )
    club.status = "hidden"
    club.save()
    pages, products = (
        part.text or "" for part in xml(client, "/sitemap.xml").iterfind("s:sitemap/s:loc", XML)
    )
    assert [url.text for url in xml(client, pages).iterfind("s:url/s:loc", XML)][:2] == [
        "https://shop.example.com/",
        "https://shop.example.com/store/",
    ]
    (url,) = xml(client, products).iterfind("s:url", XML)
    assert url.findtext("s:loc", namespaces=XML) == f"https://shop.example.com{icons.get_absolute_url()}"
    assert (url.findtext("i:image/i:loc", namespaces=XML) or "").startswith("https://shop.example.com/art/")

    before = lastmod(client, products)
    sync_catalogue()
    assert lastmod(client, products) == before  # the sync changed nothing
    add_price(sandbox.client, icons.product_id, 700)
    sync_catalogue()
    changed = lastmod(client, products)
    assert changed > before
    row = ProductConfiguration.objects.get(pk=icons.pk)
    row.tagline = "Now with a line."
    row.save()
    assert lastmod(client, products) > changed


def test_sitemaps_have_the_host_of_the_site_with_another_site_in_the_database(
    client: Client, icons: ProductConfiguration, monkeypatch: pytest.MonkeyPatch
) -> None:
    def get_current_site(request: Any) -> Any:
        return SimpleNamespace(domain="example.com")  # the host that django.contrib.sites would use

    monkeypatch.setattr("django.contrib.sitemaps.views.get_current_site", get_current_site)
    for part in xml(client, "/sitemap.xml").iterfind("s:sitemap/s:loc", XML):
        assert (part.text or "").startswith("https://shop.example.com/sitemap-")
        for url in xml(client, part.text or "").iterfind("s:url/s:loc", XML):
            assert (url.text or "").startswith("https://shop.example.com/")


def lastmod(client: Client, url: str) -> str:
    (found,) = xml(client, url).iterfind("s:url/s:lastmod", XML)
    changed_at = ProductConfiguration.objects.get(listed=True).changed_at
    assert changed_at
    assert changed_at.isoformat() == found.text
    return changed_at.isoformat()


def test_sitemap_leaves_out_replaced_pages(settings: Any) -> None:
    def another_view(request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    class Urls:
        urlpatterns = [path("terms/", another_view), path("", another_view, name="home"), *urlpatterns]

    settings.INDEXED_PAGES = ["home", "terms", "privacy"]
    settings.ROOT_URLCONF = Urls
    assert PagesSitemap().items() == ["home", "privacy"]


def test_sitemap_has_no_products_if_search_engines_may_not_index_them(client: Client, settings: Any) -> None:
    create_many_products(1)
    assert ProductsSitemap().items().count() == 1
    settings.INDEXED_PAGES = ["home"]
    assert ProductsSitemap().items().count() == 0
    assert client.get("/sitemap-products.xml").status_code == 200


def test_large_sitemap_has_parts_of_two_queries_each(
    client: Client, monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any
) -> None:
    create_many_products(45)
    monkeypatch.setattr(ProductsSitemap, "limit", 20)
    _pages, *parts = (
        part.text or "" for part in xml(client, "/sitemap.xml").iterfind("s:sitemap/s:loc", XML)
    )
    assert len(parts) == 3
    client.get(parts[0])  # an app of the shop may load something once, such as django.contrib.sites
    listed = []
    for part in parts:
        with django_assert_max_num_queries(2):
            listed += [url.text for url in xml(client, part).iterfind("s:url/s:loc", XML)]
    assert sorted(listed) == sorted(f"https://shop.example.com/store/thing-{i}/" for i in range(45))
    with django_assert_max_num_queries(2):
        client.get("/sitemap.xml")
    assert client.get("/sitemap-products.xml?p=4").status_code == 404
    assert client.get("/sitemap-nothing.xml").status_code == 404
