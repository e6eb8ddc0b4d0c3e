"""What browsers are told with every answer, whoever gives it: views, files, errors, redirects, maintenance."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from csp.decorators import csp, csp_exempt, csp_update
from csp.middleware import CSPMiddleware
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import OperationalError
from django.http import HttpResponse
from django.test import Client, RequestFactory

from tests.integration.addresses import Shop, every_address, read

pytestmark = pytest.mark.django_db

ALWAYS = {
    "X-Content-Type-Options": r"nosniff",
    "Referrer-Policy": r"same-origin",
    "Permissions-Policy": r"camera=\(\), .*",
    "Cross-Origin-Opener-Policy": r"same-origin",
    "Cross-Origin-Resource-Policy": r"same-origin|cross-origin",
    "X-Frame-Options": r"DENY|SAMEORIGIN",
    "Strict-Transport-Security": r"max-age=2592000",
    "Content-Security-Policy": r".*default-src '(self|none)'.*",
    "X-Request-ID": r"[\w-]+",
}
FRAMED = ("/three-ds-2-challenge/", "/bank/", "/html/")  # a bank's page and a mail, in frames of this site
WITH_STYLE = ("/media/",)  # a drawing's own, in a page that may do nothing else


@pytest.fixture
def https(settings: Any) -> None:
    """As in production: see config/settings.py."""
    settings.SECURE_SSL_REDIRECT = settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    settings.LANGUAGE_COOKIE_SECURE = True
    settings.SECURE_SSL_HOST, settings.SECURE_HSTS_SECONDS = "testserver", 30 * 24 * 3600
    for name in ("SESSION", "CSRF", "LANGUAGE", "THEME", "MESSAGES"):
        plain = getattr(settings, f"{name}_COOKIE_NAME")
        setattr(settings, f"{name}_COOKIE_NAME", f"__Host-{plain}")
    settings.WHITENOISE_AUTOREFRESH = settings.WHITENOISE_USE_FINDERS = True


def faults(path: str, response: Any, secure: bool = True) -> Iterator[str]:
    told = response.headers
    for name, pattern in ALWAYS.items():
        if name == "Strict-Transport-Security" and not secure:
            continue  # nobody believes it without TLS
        if not re.fullmatch(pattern, told.get(name, "")):
            yield f"{path} ({response.status_code}): {name} is {told.get(name)!r}"
    policy = told.get("Content-Security-Policy", "")
    if "unsafe-eval" in policy or ("unsafe-inline" in policy and not path.startswith(WITH_STYLE)):
        yield f"{path}: {policy}"
    if "SAMEORIGIN" in told.get("X-Frame-Options", "") and not path.endswith(FRAMED):
        yield f"{path}: may be framed"


def test_every_answer_of_every_address_has_its_headers(open_shop: Shop, https: None) -> None:
    client, found = open_shop.client("owner"), []
    for address in every_address():
        path = open_shop.path(address, "owner")
        if address.name != "account_logout":
            found += faults(path, read(client.post(path, secure=True)))
        found += faults(path, read(client.get(path, secure=True)))
    assert found == []


def fails(*args: object, **kwargs: object) -> None:
    raise ZeroDivisionError


def away(*args: object, **kwargs: object) -> None:
    raise OperationalError


def test_answers_that_no_view_gives_have_them_as_well(
    open_shop: Shop, https: None, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = open_shop.client("owner", raise_request_exception=False)
    settings.ALLOWED_HOSTS = ["testserver"]
    tag = Client().get("/terms/", secure=True)["ETag"]
    answers = {
        "a static file": Client().get("/static/icons.svg", secure=True),
        "no static file": Client().get("/static/nothing.css", secure=True),
        "nowhere": Client().get("/nowhere/", secure=True),
        "without its slash": Client().get("/terms", secure=True),
        "NUL": Client().get("/a%00b/", secure=True),
        "another host": Client().get("/", secure=True, headers={"host": "evil.example"}),
        "unchanged": Client().get("/terms/", secure=True, headers={"if-none-match": tag}),
        "too large": Client().post("/accounts/login/", secure=True, CONTENT_LENGTH="99999999"),
        "no token": Client(enforce_csrf_checks=True).post("/accounts/login/", secure=True),
        "part of a download": client.get(
            "/purchases/icon-set/download/", secure=True, headers={"range": "bytes=0-3"}
        ),
        "part that is not": client.get(
            "/purchases/icon-set/download/", secure=True, headers={"range": "bytes=999-"}
        ),
    }
    settings.RATE_LIMITS = {"checkout": "0/m/user"}
    answers["too often"] = client.post("/store/icon-set/buy/", secure=True)
    with monkeypatch.context() as patch:
        patch.setattr("apps.web.views.pages.product_cards", fails)
        answers["broken"] = Client(raise_request_exception=False).get("/", secure=True)
        patch.setattr("apps.web.views.pages.product_cards", away)
        answers["database away"] = Client(raise_request_exception=False).get("/", secure=True)
    settings.MAINTENANCE = True
    answers["maintenance"] = Client().get("/store/", secure=True)
    found = [fault for name, response in answers.items() for fault in faults(name, read(response))]
    statuses = {name: response.status_code for name, response in answers.items()}
    assert found == [], statuses
    assert sorted(set(statuses.values())) == [200, 206, 301, 304, 400, 403, 404, 413, 416, 429, 500, 503]


def test_without_tls_everything_leads_to_it_at_our_own_address(https: None, settings: Any) -> None:
    settings.SECURE_SSL_HOST = "shop.example.com"
    for host in ("testserver", "evil.example"):
        response = Client().post("/accounts/login/?next=/purchases/", headers={"host": host})
        assert response.status_code == 301
        assert response["Location"] == "https://shop.example.com/accounts/login/?next=/purchases/"
        assert list(faults("redirect", response, secure=False)) == []
    assert Client().get("/healthz").status_code == 200  # asked from inside


def test_cookies_keep_to_this_host_and_to_themselves(open_shop: Shop, https: None) -> None:
    client = Client()
    client.get("/accounts/login/", secure=True)
    client.post("/accounts/login/", {"login": "ada@example.com", "password": "ada-buys-things"}, secure=True)
    client.post("/language/", {"language": "de"}, secure=True)
    client.post("/theme/", {"theme": "dark"}, secure=True)
    client.post("/store/icon-set/buy/", {"price": "price_of_nothing"}, secure=True)  # a message
    names = {name.removeprefix("__Host-") for name in client.cookies}
    assert names == {"sessionid", "csrftoken", "language", "theme", "messages"}
    for name, cookie in client.cookies.items():
        assert name.startswith("__Host-")
        assert (cookie["path"], cookie["domain"], cookie["secure"]) == ("/", "", True), name
        assert cookie["samesite"] == "Lax", name
        assert cookie["httponly"] or name == "__Host-theme"  # chrome.js reads and writes that one
    page = client.get("/store/", secure=True).content.decode()
    assert 'lang="de"' in page
    assert 'data-theme="dark"' in page
    assert 'data-theme-choice="__Host-theme"' in page


@pytest.mark.parametrize(
    ("name", "shown"), [("a.png", True), ("a.svg", False), ("a.html", False), ("a.xml", False), ("a", False)]
)
def test_only_pictures_are_shown_from_media(settings: Any, tmp_path: Any, name: str, shown: bool) -> None:
    settings.MEDIA_ROOT = tmp_path
    default_storage.save(f"products/{name}", ContentFile(b"<svg onload='alert(1)'/>"))
    response = read(Client().get(f"/media/products/{name}"))
    assert ("attachment" in response.headers.get("Content-Disposition", "")) is not shown
    assert "sandbox" in response["Content-Security-Policy"]
    assert "script-src" not in response["Content-Security-Policy"]
    assert response["X-Content-Type-Options"] == "nosniff"


def csp_of(response: HttpResponse, rf: RequestFactory) -> Any:
    handled = CSPMiddleware(lambda request: response)(rf.get("/a/"))
    return handled.headers.get("Content-Security-Policy", "")


def test_view_may_change_the_policy_as_django_csp_documents(rf: RequestFactory, settings: Any) -> None:
    view = lambda request: HttpResponse()  # noqa: E731
    site = {**settings.CONTENT_SECURITY_POLICY}
    assert "default-src 'self'" in csp_of(view(None), rf)
    assert csp_of(csp_exempt()(view)(None), rf) == ""
    assert csp_of(csp({"default-src": "'none'"})(view)(None), rf) == "default-src 'none'"
    assert "https://a.example" in csp_of(csp_update({"img-src": "https://a.example"})(view)(None), rf)
    settings.CONTENT_SECURITY_POLICY = {**site, "EXCLUDE_URL_PREFIXES": ["/a/"]}
    assert csp_of(view(None), rf) == ""
