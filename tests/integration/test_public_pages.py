"""Cached public pages contain nothing of a visitor's session, user, cookies or headers."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable
from gzip import decompress
from typing import Any

import pytest
from django.contrib import messages
from django.core.cache import caches
from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import include, path
from django.utils import timezone
from django.views.decorators.vary import vary_on_headers

from apps.core.page_cache import cache_public_page
from apps.ecommerce.models import Product, Purchase, Suspension
from apps.ecommerce.models import PurchaseStatus as Status
from apps.users.models import User
from tests.factories import create_many_products, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("cached_pages")]

PAGES = {
    "/store/": "ecommerce/store.html",
    "/store/thing-0/": "ecommerce/product.html",
    "/terms/": "web/terms.html",
}
AddLine = Callable[..., None]
OWNED = 'data-state="owned"'
PRIVATE = "private, no-store"


@pytest.fixture(autouse=True)
def production(settings: Any, tmp_path: Any) -> None:
    settings.DEBUG, settings.VAR_DIR = False, tmp_path
    settings.SITE_URL = "https://shop.example.com"
    create_many_products(9)


@pytest.fixture
def three_pages() -> None:
    create_many_products(51, start=9)


@pytest.fixture
def add_line(settings: Any, tmp_path: Any) -> AddLine:
    """Return a function that adds a line to a template, as a fork may."""

    def add(line: str, template: str = "ecommerce/store.html", after: str = "{% block main %}") -> None:
        written = (settings.BASE_DIR / "templates" / template).read_text()
        assert after in written
        changed = tmp_path / "templates" / template
        changed.parent.mkdir(parents=True, exist_ok=True)
        changed.write_text(written.replace(after, f"{after}{line}", 1))
        engine = settings.TEMPLATES[0]
        settings.TEMPLATES = [{**engine, "DIRS": [tmp_path / "templates", *engine["DIRS"]]}]

    return add


def client_with_cart(user: User, cart: str) -> Client:
    browser = signed_in(user)
    session = browser.session
    session["cart"] = cart
    session.save()
    return browser


def client_with_cookies(**cookies: str) -> Client:
    browser = Client()
    for name, value in cookies.items():
        browser.cookies[name] = value
    return browser


def text(browser: Client, path: str = "/store/", **headers: str) -> str:
    response = browser.get(path, headers=headers)
    assert response.status_code == 200, response
    return response.content.decode()


def create_purchase(user: User, number: int, **columns: Any) -> Purchase:
    return Purchase.objects.create(
        user=user,
        product_id=f"prod_{number}",
        price_id=f"price_{number}",
        session_id=f"cs_{number}",
        **{"status": Status.PAID, "livemode": False, "currency": "usd", **columns},
    )


# --- pages of different users ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("page", "template"), PAGES.items())
@pytest.mark.parametrize("step", [1, -1])
def test_session_cookie_and_parameter_values_reach_only_their_visitor(
    ada: User, bob: User, add_line: AddLine, page: str, template: str, step: int
) -> None:
    line = "<i>{{ request.session.cart }}, {{ request.COOKIES.currency }}, {{ request.GET.ref }}.</i>"
    add_line(line, template)
    requests = [
        (client_with_cart(ada, "hat"), page, "hat, , ."),
        (client_with_cart(bob, "pen"), page, "pen, , ."),
        (client_with_cookies(currency="eur"), page, ", eur, ."),
        (client_with_cookies(currency="usd"), page, ", usd, ."),
        (Client(), f"{page}?ref=alice", ", , alice."),
        (Client(), f"{page}?ref=bert", ", , bert."),
        (signed_in(bob), f"{page}?ref=carol", ", , carol."),
        (Client(), page, ", , ."),
        (client_with_cookies(theme="dark", language="en"), page, ", , ."),
    ]
    for browser, url, shown in requests[::step] * 2:  # the second request finds a full cache
        assert f"<i>{shown}</i>" in text(browser, url)


SECRETS = """{{ request.META.items }} {{ request.headers.items }} {{ request.COOKIES }} {{ request.GET }}
{{ request.session.items }} {{ user }} {{ user.email }} {{ messages }} {{ request.get_full_path }}
{{ request.build_absolute_uri }} {{ request.get_host }} {{ request.LANGUAGE_CODE }} {{ request.environ.items }}
{{ request.body }} {{ request.content_type }} {{ request.htmx.current_url }} {{ request.POST }}"""


def requests_with_secrets(ada: User) -> list[tuple[Client, dict[str, Any]]]:
    """Return requests, each of which contains "secret" and a number."""
    return [
        (client_with_cart(ada, "secret0"), {}),
        (client_with_cookies(currency="secret1", sessionid="secret1"), {}),
        (client_with_cookies(theme="secret2", language="secret2"), {"headers": {"user-agent": "secret2"}}),
        (Client(), {"headers": {"authorization": "Bearer secret3"}}),
        (Client(), {"headers": {"hx-request": "true", "hx-current-url": "https://x/?secret4"}}),
        (Client(), {"headers": {"x-forwarded-host": "secret5.example", "x-forwarded-for": "secret5"}}),
        (Client(), {"headers": {"referer": "https://x/secret6", "accept": "secret6", "x-any": "secret6"}}),
        (
            Client(),
            {"headers": {"host": "secret7.example"}, "REMOTE_ADDR": "203.0.113.7", "REMOTE_HOST": "secret7"},
        ),
        (Client(), {"query_params": {"utm_source": "secret8", "fbclid": "secret8"}}),
        (Client(), {"query_params": {"type": "secret9", "sort": "secret9", "page": "secret9"}}),
        (
            Client(),
            {"headers": {"accept-language": "en, secret10"}, "CONTENT_TYPE": "text/secret10; charset=utf-8"},
        ),
        (Client(), {"REMOTE_USER": "secret11"}),
        (Client(), {"query_params": {"secret12": ""}}),
    ]


@pytest.mark.parametrize("step", [1, -1])
def test_no_request_leaks_into_a_cached_page(
    ada: User, add_line: AddLine, page_cache_writes: list[Any], settings: Any, step: int
) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    add_line(SECRETS)
    for browser, request in requests_with_secrets(ada)[::step]:
        caches["pages"].clear()  # the next request fills the cache
        assert browser.get("/store/", **request).status_code == 200
        later = text(Client())
        assert "https://shop.example.com/store/" in later
        for secret in ("secret", "203.0.113.7", "ada@example.com", "testserver"):
            assert secret not in later, request
    assert page_cache_writes
    assert b"secret" not in b"".join(decompress(body) for body, _etag in page_cache_writes)


@pytest.mark.parametrize("method", ["get", "head"])
def test_invented_host_is_in_no_cached_page(add_line: AddLine, settings: Any, method: str) -> None:
    settings.ALLOWED_HOSTS = ["evil.example", "testserver"]  # not the host of SITE_URL
    add_line(
        "<i>{{ request.scheme }} {{ request.get_host }} {{ request.get_port }} {{ request.is_secure }}</i>"
    )
    getattr(Client(), method)("/store/", headers={"host": "evil.example", "x-forwarded-proto": "http"})
    assert "<i>https shop.example.com 443 True</i>" in text(Client())


@pytest.mark.parametrize(
    "line", ["{% csrf_token %}", '<input value="{{ csrf_token }}">', "{{ request.csp_nonce }}"]
)
def test_csrf_token_and_nonce_are_new_in_each_response(
    add_line: AddLine, page_cache_writes: list[Any], line: str
) -> None:
    add_line(f"<i>{line}</i>")
    pages = [text(Client()) for _ in range(3)]
    found = [page.partition("<i>")[2].partition("</i>")[0] for page in pages]
    assert all(found)
    assert len(set(found)) == 3
    assert not page_cache_writes


def test_csrf_token_is_sent_with_its_cookie(add_line: AddLine) -> None:
    add_line("{% csrf_token %}")
    strict = Client(enforce_csrf_checks=True)
    response = strict.get("/store/")
    assert response["Cache-Control"] == PRIVATE
    assert strict.cookies["csrftoken"].value
    token = response.content.decode().partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
    form = {"csrfmiddlewaretoken": token, "login": "x@example.com", "password": "x"}
    assert strict.post("/accounts/login/", form).status_code == 200


def test_personal_page_is_sent_with_no_store(ada: User, page_cache_writes: list[Any]) -> None:
    personal = [
        (signed_in(ada), "/store/", {}),
        (client_with_cookies(csrftoken="x" * 32), "/store/", {}),
        (client_with_cookies(sessionid="gone"), "/store/", {}),
        (client_with_cookies(messages="forged"), "/store/", {}),
        (Client(), "/store/?ref=alice", {}),
        (Client(), "/store/?q=thing", {}),
        (Client(), "/store/?product=thing-3", {}),
        (Client(), "/store/thing-0/?price=price_0", {}),
        (Client(), "/store/", {"hx-request": "true"}),
        (Client(), "/store/", {"authorization": "Basic eDp5"}),
    ]
    for browser, url, headers in personal:
        response = browser.get(url, headers=headers)
        assert response["Cache-Control"] == PRIVATE, url
        assert "ETag" not in response
    assert not page_cache_writes


def test_htmx_requests_have_their_own_cached_page(add_line: AddLine) -> None:
    add_line("<i>{% if request.htmx %}a fragment{% else %}whole{% endif %}</i>")
    for order in itertools.product([True, False], repeat=3):
        caches["pages"].clear()
        for is_htmx in order:
            shown = text(Client(), **({"hx-request": "true"} if is_htmx else {}))
            assert ("<i>a fragment</i>" in shown) == is_htmx


def set_time_zone_by_header(get_response: Any) -> Any:
    """Activate the visitor's time zone."""

    def middleware(request: HttpRequest) -> Any:
        with timezone.override("Asia/Tokyo" if "tokyo" in request.META.get("HTTP_X_CITY", "") else None):
            return get_response(request)

    return middleware


def test_time_zone_of_one_visitor_is_not_in_the_page_of_another(add_line: AddLine, settings: Any) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"{__name__}.set_time_zone_by_header"]
    add_line('<i>{% now "e" %}</i>')
    Client().get("/store/", headers={"x-city": "tokyo"})
    assert "<i>UTC</i>" in text(Client())


def set_user_by_header(get_response: Any) -> Any:
    """Set user, session or message by header, as behind a proxy that authenticates users."""

    def middleware(request: HttpRequest) -> Any:
        name = request.headers.get("X-Person", "")
        if "cart" in name:
            request.session["cart"] = name
        elif "message" in name:
            messages.info(request, name)
        elif name:
            request.user = User(email=name)
        return get_response(request)

    return middleware


@pytest.mark.parametrize("kind", ["cart", "message", "user"])
def test_users_known_by_middleware_have_their_own_page(
    add_line: AddLine, settings: Any, page_cache_writes: list[Any], kind: str
) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"{__name__}.set_user_by_header"]
    add_line(
        "<i>{{ request.session.cart }} {{ user.email }} {% for message in messages %}{{ message }}{% endfor %}</i>"
    )
    for name in (f"{kind}-1", f"{kind}-2"):
        assert name in text(Client(), **{"x-person": name})
    assert not page_cache_writes
    assert kind not in text(Client()).partition("<i>")[2].partition("</i>")[0]


def test_public_page_hides_request_data_in_development_too(
    add_line: AddLine, settings: Any, page_cache_writes: list[Any]
) -> None:
    """Development caches nothing, but a public page must render the same there."""
    settings.DEBUG = True
    add_line("<i>{{ request.META.HTTP_USER_AGENT }}</i>")
    assert "<i></i>" in text(Client(), **{"user-agent": "Firefox"})
    assert not page_cache_writes


# --- other responses for one visitor -------------------------------------------------------------------------


def use_session(request: HttpRequest) -> HttpResponse:
    request.session["visits"] = request.session.get("visits", 0) + 1
    return HttpResponse(f"visit {request.session['visits']}")


def add_message(request: HttpRequest) -> HttpResponse:
    messages.info(request, "only for you")
    return HttpResponse("added")


def set_cookie(request: HttpRequest) -> HttpResponse:
    response = HttpResponse("cookie")
    response.set_cookie("offer", request.META.get("HTTP_USER_AGENT", "none"))
    return response


@vary_on_headers("User-Agent")
def vary_on_user_agent(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.META.get("HTTP_USER_AGENT", "none"))


def redirect_to_user_agent(request: HttpRequest) -> HttpResponse:
    return HttpResponseRedirect(f"/{request.META.get('HTTP_USER_AGENT', 'none')}")


def respond_404(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.META.get("HTTP_USER_AGENT", "none"), status=404)


def respond_with_stream(request: HttpRequest) -> Any:
    return StreamingHttpResponse([request.META.get("HTTP_USER_AGENT", "none").encode()])


def respond_with_json(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"agent": request.META.get("HTTP_USER_AGENT", "none")})


PERSONAL = [
    use_session,
    add_message,
    set_cookie,
    vary_on_user_agent,
    redirect_to_user_agent,
    respond_404,
    respond_with_stream,
    respond_with_json,
]


def accept_form(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"{request.method} {request.POST.get('name')}")


def render_template_response(request: HttpRequest) -> HttpResponse:
    return TemplateResponse(request, "web/terms.html")


class TestURLs:
    urlpatterns = [
        *(
            path(f"{view.__name__}/", cache_public_page()(view))
            for view in (*PERSONAL, accept_form, render_template_response)
        ),
        path("", include("config.urls")),
    ]


@pytest.mark.parametrize("view", PERSONAL)
def test_response_for_one_visitor_is_not_cached(
    settings: Any, page_cache_writes: list[Any], view: Callable[..., Any]
) -> None:
    settings.ROOT_URLCONF = TestURLs
    results = []
    for name in ("alice", "bert"):
        response = Client().get(f"/{view.__name__}/", headers={"user-agent": name})
        assert response["Cache-Control"] == PRIVATE
        body = b"".join(response) if response.streaming else response.content
        results.append((str(body), response.headers.get("Location"), response.cookies.output()))
    assert not page_cache_writes
    assert "bert" not in repr(results[0])
    assert "alice" not in repr(results[1])
    if view in (set_cookie, vary_on_user_agent):
        assert "alice" in repr(results[0])


def test_post_request_is_not_cached(settings: Any, page_cache_writes: list[Any]) -> None:
    settings.ROOT_URLCONF = TestURLs
    for name in ("alice", "bert"):
        assert Client().post("/accept_form/", {"name": name}).content == f"POST {name}".encode()
    assert not page_cache_writes


def test_session_started_by_a_view_belongs_to_the_visitor(settings: Any) -> None:
    settings.ROOT_URLCONF = TestURLs
    browser = Client()
    assert [text(browser, "/use_session/") for _ in range(3)] == ["visit 1", "visit 2", "visit 3"]
    assert text(Client(), "/use_session/") == "visit 1"


def test_template_response_is_cached_too(settings: Any, page_cache_writes: list[Any]) -> None:
    settings.ROOT_URLCONF = TestURLs
    assert text(Client(), "/render_template_response/") == text(Client(), "/render_template_response/")
    assert len(page_cache_writes) == 1


@pytest.mark.parametrize("part", ["sitemap.xml", "sitemap-pages.xml"])
def test_cacheable_sitemap_contains_nothing_of_the_visitor(ada: User, add_line: AddLine, part: str) -> None:
    template, end = ("sitemap_index", "</sitemap>") if part == "sitemap.xml" else ("sitemap", "</url>")
    add_line(
        "<i>{{ user }} {{ request.COOKIES }} {{ request.get_host }}</i>", f"web/{template}.xml", after=end
    )
    response = signed_in(ada).get(f"/{part}")
    assert "public" in response["Cache-Control"]
    assert "<i>AnonymousUser" in response.content.decode()
    assert "shop.example.com</i>" in response.content.decode()
    assert "ada@example.com" not in response.content.decode()
    assert "sessionid" not in response.content.decode()


# --- size of the cache ----------------------------------------------------------------------------------------


def random_url(chance: random.Random) -> str:
    junk = str(chance.randrange(10**9))
    values = {
        "type": ["one_time", "recurring", "ONE_TIME", "", junk],
        "sort": ["name", "price", "newest", "NAME", "", junk],
        "page": ["1", "2", "3", "0003", "0", "-1", "4", "7", "1-3", junk, "abc", "", "9" * 30, "٣"],
        "utm_source": [junk],
        "gclid": [junk],
        "q": [junk],
        "product": [junk],
        "ref": [junk],
    }
    weights = [5, 5, 5, 2, 2, 1, 1, 1]
    names = chance.choices(list(values), weights, k=chance.randrange(5))
    return "/store/?" + "&".join(f"{name}={chance.choice(values[name])}" for name in names)


@pytest.mark.usefixtures("three_pages")
def test_invented_parameters_do_not_fill_the_cache(page_cache_writes: list[Any]) -> None:
    chance = random.Random(10)
    for _ in range(120):
        assert Client().get(random_url(chance)).status_code == 200
    kinds, sorts, pages = 3, 4, 3  # the page without parameters; sixty products are three pages
    assert 0 < len(page_cache_writes) <= kinds * sorts * pages


@pytest.mark.usefixtures("three_pages")
@pytest.mark.parametrize(
    ("query", "canonical"),
    [
        ("?type=nonsense&sort=nonsense", ""),
        ("?type=&sort=&page=", ""),
        ("?page=1", ""),
        ("?page=0001", ""),
        ("?page=0", ""),
        ("?page=abc", ""),
        ("?utm_source=mail&utm_campaign=x&gclid=y&fbclid=z&mc_eid=w", ""),
        ("?page=0002", "?page=2"),
        ("?page=2-2", "?page=2"),
        ("?page=2&sort=name&type=one_time", "?type=one_time&sort=name&page=2"),
        ("?utm_medium=mail&page=3", "?page=3"),
    ],
)
def test_spellings_of_one_url_share_a_cache_entry(
    page_cache_writes: list[Any], query: str, canonical: str
) -> None:
    assert text(Client(), f"/store/{query}") == text(Client(), f"/store/{canonical}")
    assert len(page_cache_writes) == 1


@pytest.mark.usefixtures("three_pages")
@pytest.mark.parametrize(
    "query",
    [
        "?page=4",
        "?page=99999",
        "?page=1-3",
        "?type=one_time&type=recurring",
        "?utm=x",
        "?REF=x",
        "?x",
    ],
)
def test_urls_outside_the_allowed_set_are_not_cached(page_cache_writes: list[Any], query: str) -> None:
    assert Client().get(f"/store/{query}")["Cache-Control"] == PRIVATE
    assert not page_cache_writes


@pytest.mark.usefixtures("three_pages")
def test_late_pages_of_a_large_shop_are_not_cached(page_cache_writes: list[Any]) -> None:
    create_many_products(240, start=60)
    answers = [Client().get(f"/store/?page={page}")["Cache-Control"] for page in range(1, 14)]
    assert answers == ["no-cache"] * 10 + [PRIVATE] * 3
    assert len(page_cache_writes) == 10


def test_unknown_language_or_theme_adds_no_cache_entry(page_cache_writes: list[Any]) -> None:
    for number in range(5):
        text(client_with_cookies(language=f"x{number}", theme=f"x{number}"))
        text(Client(), **{"accept-language": f"x{number}, en-x{number}"})
    assert len(page_cache_writes) == 1


def test_chosen_language_and_theme_are_cached(page_cache_writes: list[Any]) -> None:
    for _ in range(2):
        for language in ("en", "de"):
            for theme in ("light", "dark"):
                shown = text(client_with_cookies(language=language, theme=theme))
                assert f'<html lang="{language}" dir="ltr" data-theme="{theme}"' in shown
    assert len(page_cache_writes) == 4


def test_shop_cookies_over_https_are_recognised(settings: Any, page_cache_writes: list[Any]) -> None:
    settings.LANGUAGE_COOKIE_NAME, settings.THEME_COOKIE_NAME = "__Host-language", "__Host-theme"
    assert 'lang="de"' in text(client_with_cookies(**{"__Host-language": "de", "__Host-theme": "dark"}))
    assert len(page_cache_writes) == 1


# --- pages of buyers ------------------------------------------------------------------------------------------


def test_purchases_of_another_user_are_never_shown(ada: User, bob: User) -> None:
    purchase = create_purchase(ada, 0)
    for _ in range(2):
        hers, his = text(signed_in(ada)), text(signed_in(bob))
        assert "ada@example.com" in hers
        assert str(purchase.public_id) in hers
        assert "ada@example.com" not in his
        assert str(purchase.public_id) not in his
        assert OWNED not in his


def test_cached_cards_contain_nothing_of_the_request(ada: User, bob: User, add_line: AddLine) -> None:
    add_line(
        "<i>{{ request }}{{ user }}{{ messages }}{{ csrf_token }}{{ perms }}</i>",
        "ecommerce/_product_card.html",
        after='<div class="card__art">',
    )
    for browser in (
        client_with_cart(ada, "hat"),
        client_with_cart(bob, "pen"),
        Client(),
        client_with_cart(ada, "hat"),
    ):
        page = text(browser)
        assert page.count("<i></i>") == 9
        assert page.count("<i>") == 9


def test_each_buyer_sees_their_own_cards(ada: User, bob: User) -> None:
    create_purchase(ada, 7)
    create_purchase(bob, 8)
    for _cached in range(2):
        for user, product in ((ada, "thing-7"), (bob, "thing-8")):
            page = text(signed_in(user))
            assert page.count(OWNED) == 1
            assert f'href="/purchases/{product}/"' in page


def test_new_purchase_shows_at_once_on_cached_cards(ada: User) -> None:
    browser = signed_in(ada)
    assert OWNED not in text(browser)
    purchase = create_purchase(ada, 7)
    assert text(browser).count(OWNED) == 1
    Purchase.objects.filter(pk=purchase.pk).update(status=Status.PROCESSING)
    assert text(browser).count(">Processing<") == 1
    Purchase.objects.filter(pk=purchase.pk).update(status=Status.PAID, suspended_by=Suspension.REFUNDED)
    assert OWNED not in text(browser)


@pytest.mark.django_db(transaction=True)  # the cache is cleared after the commit
@pytest.mark.parametrize("url", ["/store/", "/store/thing-0/"])
def test_cached_grid_queries_no_products_and_shows_each_change(ada: User, url: str) -> None:
    browser = signed_in(ada)
    first = text(browser, url)
    with CaptureQueriesContext(connection) as queries:
        assert text(browser, url).count('<article class="card"') == first.count('<article class="card"') > 0
    assert not [query["sql"] for query in queries if "prod_2" in query["sql"]]
    product = Product.objects.get(pk="prod_2")
    product.name = "Renamed"
    product.save()
    assert ">Renamed<" in text(browser, url)


@pytest.mark.usefixtures("three_pages")
def test_each_filter_has_its_own_cached_grid(ada: User) -> None:
    browser = signed_in(ada)
    queries = ("", "?page=2", "?page=1-2", "?sort=newest", "?type=one_time", "?type=recurring", "?q=thing+59")
    pages = [re.findall(r'href="/store/(thing-\d+)/"', text(browser, f"/store/{query}")) for query in queries]
    assert [len(page) for page in pages] == [24, 24, 48, 24, 24, 0, 1]
    assert pages[2] == pages[0] + pages[1]
    assert pages[3][0] == "thing-59"


def test_message_is_shown_once_to_its_visitor(ada: User, bob: User) -> None:
    browser = signed_in(ada)
    browser.get("/purchases/thing-3/")  # not Bob's product: he is redirected to the store with a message
    assert text(browser).count("message--toast") == 1
    assert "message--toast" not in text(browser) + text(signed_in(bob)) + text(Client())
