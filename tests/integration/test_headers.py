"""Security headers of every response: views, files, errors, redirects and maintenance."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from csp.decorators import csp, csp_exempt, csp_update
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import OperationalError
from django.http import HttpResponse
from django.test import Client, RequestFactory

from apps.core.middleware.response_headers import ResponseHeadersMiddleware
from tests.integration.urls import Shop, read_body

pytestmark = pytest.mark.django_db

REQUIRED_HEADERS = {
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
# The bank's page and previews of e-mails, which pages of this site show in frames.
FRAMED_PAGES = ("/three-ds-2-challenge/", "/bank/", "/html/")
PAGES_WITH_INLINE_STYLE = ("/media/",)  # an SVG's own style, in a sandboxed response


@pytest.fixture
def https(settings: Any) -> None:
    """Use the settings of a shop with TLS, as in config/settings.py."""
    settings.SECURE_SSL_REDIRECT = settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    settings.LANGUAGE_COOKIE_SECURE = True
    settings.SECURE_SSL_HOST, settings.SECURE_HSTS_SECONDS = "testserver", 30 * 24 * 3600
    for name in ("SESSION", "CSRF", "LANGUAGE", "THEME", "MESSAGES"):
        plain = getattr(settings, f"{name}_COOKIE_NAME")
        setattr(settings, f"{name}_COOKIE_NAME", f"__Host-{plain}")
    settings.WHITENOISE_AUTOREFRESH = settings.WHITENOISE_USE_FINDERS = True


def missing_headers(path: str, response: Any) -> Iterator[str]:
    for name in REQUIRED_HEADERS.keys() - response.headers.keys():
        yield f"{path} ({response.status_code}): no {name}"


def header_errors(path: str, response: Any, secure: bool = True) -> Iterator[str]:
    headers = response.headers
    for name, pattern in REQUIRED_HEADERS.items():
        if name == "Strict-Transport-Security" and not secure:
            continue  # browsers ignore it without TLS
        if not re.fullmatch(pattern, headers.get(name, "")):
            yield f"{path} ({response.status_code}): {name} is {headers.get(name)!r}"
    policy = headers.get("Content-Security-Policy", "")
    if "unsafe-eval" in policy or (
        "unsafe-inline" in policy and not path.startswith(PAGES_WITH_INLINE_STYLE)
    ):
        yield f"{path}: {policy}"
    if "SAMEORIGIN" in headers.get("X-Frame-Options", "") and not path.endswith(FRAMED_PAGES):
        yield f"{path}: may be framed"


def test_every_url_sends_the_security_headers(populated_shop: Shop, https: None) -> None:
    client, found = populated_shop.client("owner"), []
    for url, path in populated_shop.urls("owner"):
        errors = missing_headers if url.is_shop else header_errors  # your pages may change their policy
        if url.name != "account_logout":
            found += errors(path, read_body(client.post(path, secure=True)))
        found += errors(path, read_body(client.get(path, secure=True)))
    assert found == []


def fail(*args: object, **kwargs: object) -> None:
    raise ZeroDivisionError


def fail_in_database(*args: object, **kwargs: object) -> None:
    raise OperationalError


def test_errors_files_and_redirects_send_the_security_headers(
    populated_shop: Shop, https: None, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = populated_shop.client("owner", raise_request_exception=False)
    settings.ALLOWED_HOSTS = ["testserver"]
    tag = Client().get("/terms/", secure=True)["ETag"]
    responses = {
        "a static file": Client().get("/static/icons.svg", secure=True),
        "no static file": Client().get("/static/nothing.css", secure=True),
        "unknown URL": Client().get("/nowhere/", secure=True),
        "without trailing slash": Client().get("/terms", secure=True),
        "null byte": Client().get("/a%00b/", secure=True),
        "another host": Client().get("/", secure=True, headers={"host": "evil.example"}),
        "unchanged": Client().get("/terms/", secure=True, headers={"if-none-match": tag}),
        "too large": Client().post("/accounts/login/", secure=True, CONTENT_LENGTH="99999999"),
        "no CSRF token": Client(enforce_csrf_checks=True).post("/accounts/login/", secure=True),
        "part of a download": client.get(
            "/purchases/icon-set/download/", secure=True, headers={"range": "bytes=0-3"}
        ),
        "part after the end of a download": client.get(
            "/purchases/icon-set/download/", secure=True, headers={"range": "bytes=999-"}
        ),
    }
    settings.RATE_LIMITS = {"checkout": "0/m/user"}
    responses["rate limited"] = client.post("/store/icon-set/buy/", secure=True)
    with monkeypatch.context() as patch:
        patch.setattr("apps.ecommerce.views.store.paginate", fail)
        responses["server error"] = Client(raise_request_exception=False).get("/store/", secure=True)
        patch.setattr("apps.ecommerce.views.store.paginate", fail_in_database)
        responses["database error"] = Client(raise_request_exception=False).get("/store/", secure=True)
    settings.MAINTENANCE = True
    responses["maintenance"] = Client().get("/store/", secure=True)
    found = [
        error for name, response in responses.items() for error in header_errors(name, read_body(response))
    ]
    statuses = {name: response.status_code for name, response in responses.items()}
    assert found == [], statuses
    assert sorted(set(statuses.values())) == [200, 206, 301, 304, 400, 403, 404, 413, 416, 429, 500, 503]


def test_http_redirects_to_https_at_the_shops_host(https: None, settings: Any) -> None:
    settings.SECURE_SSL_HOST = "shop.example.com"
    for host in ("testserver", "evil.example"):
        response = Client().post("/accounts/login/?next=/purchases/", headers={"host": host})
        assert response.status_code == 301
        assert response["Location"] == "https://shop.example.com/accounts/login/?next=/purchases/"
        assert list(header_errors("redirect", response, secure=False)) == []
    assert Client().get("/healthz").status_code == 200  # requested by the platform without TLS


def test_cookies_are_host_only_and_secure(populated_shop: Shop, https: None) -> None:
    client = Client()
    client.get("/accounts/login/", secure=True)
    client.post("/accounts/login/", {"login": "ada@example.com", "password": "ada-buys-things"}, secure=True)
    client.post("/language/", {"language": "de"}, secure=True)
    client.post("/theme/", {"theme": "dark"}, secure=True)
    client.post("/store/icon-set/buy/", {"price": "price_unknown"}, secure=True)  # sets the messages cookie
    names = {name.removeprefix("__Host-") for name in client.cookies}
    assert names == {"sessionid", "csrftoken", "language", "theme", "messages"}
    for name, cookie in client.cookies.items():
        assert name.startswith("__Host-")
        assert (cookie["path"], cookie["domain"], cookie["secure"]) == ("/", "", True), name
        assert cookie["samesite"] == "Lax", name
        assert cookie["httponly"] or name == "__Host-theme"  # chrome.js reads and writes the theme
    page = client.get("/store/", secure=True).content.decode()
    assert 'lang="de"' in page
    assert 'data-theme="dark"' in page
    assert 'data-theme-choice="__Host-theme"' in page


@pytest.mark.parametrize(
    ("name", "shown"), [("a.png", True), ("a.svg", False), ("a.html", False), ("a.xml", False), ("a", False)]
)
def test_media_shows_only_images_inline(settings: Any, tmp_path: Any, name: str, shown: bool) -> None:
    settings.MEDIA_ROOT = tmp_path
    default_storage.save(f"products/{name}", ContentFile(b"<svg onload='alert(1)'/>"))
    response = read_body(Client().get(f"/media/products/{name}"))
    assert ("attachment" in response.headers.get("Content-Disposition", "")) is not shown
    assert "sandbox" in response["Content-Security-Policy"]
    assert "script-src" not in response["Content-Security-Policy"]
    assert response["X-Content-Type-Options"] == "nosniff"


def policy_after_middleware(response: HttpResponse, rf: RequestFactory) -> Any:
    handled = ResponseHeadersMiddleware(lambda request: response)(rf.get("/a/"))
    return handled.headers.get("Content-Security-Policy", "")


def test_views_can_change_the_policy_with_django_csp(rf: RequestFactory, settings: Any) -> None:
    view = lambda request: HttpResponse()  # noqa: E731
    site = {**settings.CONTENT_SECURITY_POLICY}
    assert "default-src 'self'" in policy_after_middleware(view(None), rf)
    assert policy_after_middleware(csp_exempt()(view)(None), rf) == ""
    assert policy_after_middleware(csp({"default-src": "'none'"})(view)(None), rf) == "default-src 'none'"
    assert "https://a.example" in policy_after_middleware(
        csp_update({"img-src": "https://a.example"})(view)(None), rf
    )
    settings.CONTENT_SECURITY_POLICY = {**site, "EXCLUDE_URL_PREFIXES": ["/a/"]}
    assert policy_after_middleware(view(None), rf) == ""
