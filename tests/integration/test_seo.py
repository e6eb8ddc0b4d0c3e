"""What search engines and those who pass a link on are told of the shop, and what they are not."""

from __future__ import annotations

import html
import json
import re
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, path

from apps.core.middleware.indexing import INDEXED_IMAGES, INDEXED_PAGES
from apps.ecommerce.catalogue.sync import sync_catalogue
from apps.ecommerce.models import Price, Product, ProductConfiguration
from apps.ecommerce.money import decimals
from apps.web.sitemap import ProductsSitemap
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
def _address(settings: Any) -> None:
    settings.SITE_URL = "https://shop.example.com"


# --- the head of a page -------------------------------------------------------------------------------------


def head(client: Client, address: str, **headers: str) -> dict[str, str]:
    """name or property ▶ content of the page's meta elements, with its title and canonical link."""
    page = client.get(address, headers=headers).content.decode().partition("</head>")[0]
    found = dict(re.findall(r'<meta (?:name|property)="([^"]+)" content="([^"]*)"', page))
    found["title"] = re.findall("<title>(.*?)</title>", page, re.DOTALL)[0]
    found["canonical"] = next(iter(re.findall(r'<link rel="canonical" href="([^"]*)">', page)), "")
    return {name: html.unescape(value) for name, value in found.items()}


def test_every_public_page_says_what_it_is(
    client: Client, icons: ProductConfiguration, settings: Any
) -> None:
    addresses = {"/": "/", "/store/?utm_source=x": "/store/", "/store/icon-set/?price=x": "/store/icon-set/"}
    seen = []
    for address, canonical in {
        **addresses,
        "/terms/": "/terms/",
        "/privacy/": "/privacy/",
        "/refunds/": "/refunds/",
    }.items():
        page = head(client, address)
        assert page["canonical"] == page["og:url"] == f"https://shop.example.com{canonical}"
        assert page["title"] == f"{page['og:title']} · {settings.SITE_NAME}"
        assert page["description"] == page["og:description"]
        assert page["og:site_name"] == settings.SITE_NAME
        assert page["og:locale"] == "en_US"
        assert page["twitter:card"] == "summary_large_image"
        assert page["og:image"] == "https://shop.example.com/static/brand/og.png"
        assert "robots" not in page
        seen.append((page["title"], page["description"]))
    assert len({title for title, _ in seen}) == len({description for _, description in seen}) == 6
    assert head(client, "/", **{"Accept-Language": "de"})["og:locale"] == "de_DE"


def test_a_product_is_described_by_its_own_words(client: Client, sandbox: Any) -> None:
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


def test_shelves_are_listed_by_type_and_page_and_searches_are_not(client: Client, sandbox: Any) -> None:
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


# --- what is nobody else's business -------------------------------------------------------------------------


def addresses() -> list[tuple[str, str]]:
    """One (name, address) for every pattern of the URL configuration."""
    found = []

    def walk(patterns: list[URLPattern | URLResolver], before: str, space: str) -> None:
        for entry in patterns:
            part = re.sub(
                r"\(\?P<\w+>(?:[^()]|\([^()]*\))*\)|<uuid:\w+>|<[^>]+>", _filled, str(entry.pattern)
            )
            here = before + part.replace("^", "").replace("\\Z", "").replace("$", "").replace("\\", "")
            if isinstance(entry, URLResolver):
                walk(entry.url_patterns, here, f"{space}{entry.namespace}:" if entry.namespace else space)
            else:
                found.append((f"{space}{entry.name}", here))

    walk(get_resolver().url_patterns, "/", "")
    return found


def _filled(parameter: re.Match[str]) -> str:
    return "00000000-0000-4000-8000-000000000000" if "uuid" in parameter[0] else "1"


def test_pages_are_not_indexed_or_cached_by_default(as_ada: Client, olive: Any, settings: Any) -> None:
    """Walks every address there is, as a visitor and signed in."""
    public = {"stylesheet", "manifest", "robots", "sitemap", "sitemap_part"} | INDEXED_IMAGES
    walked = set()
    for name, address in addresses():
        for client in (Client(raise_request_exception=False), as_ada):
            client.raise_request_exception = False
            response = client.get(address)
            cache = response.headers.get("Cache-Control", "")
            if name not in INDEXED_PAGES | INDEXED_IMAGES:
                assert "noindex" in response.headers["X-Robots-Tag"], (name, address)
            if name not in public | INDEXED_PAGES or response.status_code != 200:
                assert re.search("private|no-store", cache) or name in public, (name, address, cache)
            walked.add(name)
    assert (
        INDEXED_PAGES
        | INDEXED_IMAGES
        | {"purchases", "purchase", "account_login", "admin:index", "buy", "stripe_webhook"}
        <= walked
    )
    assert len(walked) > 80


def unheard_of(request: HttpRequest) -> HttpResponse:
    return HttpResponse("a page that somebody wrote this morning")


class WithANewPage:
    urlpatterns = [path("new/", unheard_of), path("new/named/", unheard_of, name="news")]


def test_a_new_page_is_private_until_somebody_says_otherwise(client: Client, settings: Any) -> None:
    settings.ROOT_URLCONF = WithANewPage
    for address in ("/new/", "/new/named/"):
        response = client.get(address)
        assert response["X-Robots-Tag"] == "noindex"
        assert response["Cache-Control"] == "private, no-store"


def test_private_pages_are_not_indexed_or_cached(as_ada: Client, icons: ProductConfiguration) -> None:
    order = buy(as_ada, icons).get_absolute_url()
    for address in (
        "/purchases/",
        "/purchases/icon-set/",
        order,
        f"{order}status/",
        "/accounts/",
        "/store/checkout/return/",
    ):
        response = as_ada.get(address)
        assert response["X-Robots-Tag"] == "noindex"
        assert "no-store" in response["Cache-Control"]
        assert "og:title" not in response.content.decode()


def test_public_pages_and_pictures_may_be_listed(client: Client, icons: ProductConfiguration) -> None:
    image = head(client, "/")["og:image"].removeprefix("https://shop.example.com")
    for address in ("/", "/store/", "/store/icon-set/", "/terms/", "/art/x.svg", "/favicon.ico", image):
        assert "X-Robots-Tag" not in read_body(client.get(address)).headers, address


# --- structured data ----------------------------------------------------------------------------------------


def data(client: Client, address: str) -> dict[str, Any]:
    """Type ▶ node of the page's JSON-LD."""
    page = client.get(address).content.decode()
    scripts = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page, re.DOTALL)
    assert len(scripts) <= 1
    graph = [node for script in scripts for node in json.loads(script)["@graph"]]
    return {node["@type"]: node for node in graph}


@pytest.mark.parametrize("currency", CURRENCIES)
def test_a_product_offers_each_of_its_prices(client: Client, sandbox: Any, currency: str) -> None:
    major, minor = CURRENCIES[currency]
    product = sandbox.client.v1.products.create({"name": HOSTILE})
    money: Any = {"product": product.id, "currency": currency, "unit_amount": minor}
    sandbox.client.v1.prices.create(money)
    sandbox.client.v1.prices.create({**money, "recurring": {"interval": "month", "interval_count": 3}})
    retired = sandbox.client.v1.prices.create({**money, "unit_amount": 99})
    sandbox.client.v1.prices.update(retired.id, {"active": False})
    sync_catalogue()
    row = ProductConfiguration.objects.get()
    address = f"https://shop.example.com{row.get_absolute_url()}"
    found = data(client, row.get_absolute_url())
    assert (found["Product"]["name"], found["Product"]["url"]) == (HOSTILE, address)
    offers = {offer["url"]: offer for offer in found["Product"]["offers"]}
    assert set(offers) == {f"{address}?price={price.id}" for price in row.prices}
    for price in row.prices:
        offer = offers[f"{address}?price={price.id}"]
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
        address,
    ]


def test_a_hostile_name_stays_within_its_string(client: Client, sandbox: Any) -> None:
    row = create_product(sandbox.client, HOSTILE)
    page = client.get(row.get_absolute_url()).content.decode()
    script = page.partition('<script type="application/ld+json">')[2].partition("</script>")[0]
    assert json.loads(script)["@graph"][0]["name"] == HOSTILE
    assert not re.search("[<>&]", script)


def test_without_a_price_there_is_no_offer_and_without_a_sale_no_product(
    as_ada: Client, sandbox: Any
) -> None:
    sandbox.client.v1.products.create({"name": "Unpriced"})
    icons = create_product(sandbox.client)
    assert "offers" not in data(as_ada, "/store/unpriced/")["Product"]
    buy(as_ada, icons)
    Product.objects.filter(pk=icons.product_id).update(active=False)
    assert as_ada.get("/store/icon-set/").status_code == 200  # for its owner
    assert data(as_ada, "/store/icon-set/") == {}
    Product.objects.update(active=True)
    Price.objects.update(active=False)
    assert "offers" not in data(Client(), "/store/icon-set/")["Product"]


def test_the_front_page_says_who_sells_and_where_one_searches(client: Client, settings: Any) -> None:
    settings.SITE_NAME = HOSTILE
    found = data(client, "/")
    assert found["Organization"]["name"] == found["WebSite"]["name"] == HOSTILE
    logo = read_body(client.get(found["Organization"]["logo"].removeprefix("https://shop.example.com")))
    assert logo["Content-Type"] == "image/png"
    target = found["WebSite"]["potentialAction"]["target"]["urlTemplate"]
    assert target == "https://shop.example.com/store/?q={search_term_string}"


# --- robots.txt and the site map ----------------------------------------------------------------------------


def xml(client: Client, address: str) -> ElementTree.Element:
    response = client.get(address.removeprefix("https://shop.example.com"))
    assert response.status_code == 200
    assert "public" in response["Cache-Control"]
    return ElementTree.fromstring(response.content)


def test_robots_may_read_everything_and_find_the_site_map(client: Client) -> None:
    text = client.get("/robots.txt").content.decode()
    assert "Disallow:\n" in text
    assert "Sitemap: https://shop.example.com/sitemap.xml" in text


def test_the_site_map_lists_what_is_on_sale_and_when_it_changed(client: Client, sandbox: Any) -> None:
    icons, club = (
        create_product(sandbox.client, "Icon set & <more>"),
        create_product(sandbox.client, "Maker club"),
    )
    club.is_active = False
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
    assert lastmod(client, products) == before  # asked again, not changed
    add_price(sandbox.client, icons.product_id, 700)
    sync_catalogue()
    changed = lastmod(client, products)
    assert changed > before
    row = ProductConfiguration.objects.get(pk=icons.pk)
    row.tagline = "Now with a line."
    row.save()
    assert lastmod(client, products) > changed


def lastmod(client: Client, address: str) -> str:
    (found,) = xml(client, address).iterfind("s:url/s:lastmod", XML)
    moment = ProductConfiguration.objects.get(listed=True).changed_at
    assert moment
    assert moment.isoformat() == found.text
    return moment.isoformat()


def test_a_large_site_map_has_parts_and_each_costs_the_same(
    client: Client, monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any
) -> None:
    create_many_products(45)
    monkeypatch.setattr(ProductsSitemap, "limit", 20)
    _pages, *parts = (
        part.text or "" for part in xml(client, "/sitemap.xml").iterfind("s:sitemap/s:loc", XML)
    )
    assert len(parts) == 3
    listed = []
    for part in parts:
        with django_assert_max_num_queries(2):
            listed += [url.text for url in xml(client, part).iterfind("s:url/s:loc", XML)]
    assert sorted(listed) == sorted(f"https://shop.example.com/store/thing-{i}/" for i in range(45))
    with django_assert_max_num_queries(2):
        client.get("/sitemap.xml")
    assert client.get("/sitemap-products.xml?p=4").status_code == 404
    assert client.get("/sitemap-nothing.xml").status_code == 404
