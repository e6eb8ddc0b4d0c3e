"""Links, Host headers and cached pages cause no open redirect and inject no content."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.cache import caches
from django.test import Client

from apps.ecommerce.models import ProductConfiguration
from apps.users.models import User
from tests.factories import signed_in

pytestmark = pytest.mark.django_db

MALICIOUS_URLS = [
    "https://evil.example/",
    "//evil.example/",
    "///evil.example/",
    "/\\evil.example/",
    "\\\\evil.example/",
    "https:evil.example",
    "http:///evil.example/",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "/\t/evil.example/",
    "https://testserver@evil.example/",
    "https://testserver.evil.example/",
    "//evil.example\\@testserver/",
    "/%0d%0aLocation: https://evil.example/",
    "/store/\r\nSet-Cookie: sessionid=mine",
]


@pytest.mark.parametrize("evil", MALICIOUS_URLS)
def test_no_open_redirects(ada: User, evil: str) -> None:
    requests: list[tuple[Client, str, dict[str, str]]] = [
        (Client(), "/accounts/login/", {"login": ada.email, "password": "ada-buys-things"}),
        (Client(), "/accounts/signup/", {"email": "grace@example.com", "password1": "correct horse battery"}),
        (signed_in(ada), "/accounts/login/", {}),
        (signed_in(ada), "/accounts/logout/", {}),
        (signed_in(ada), "/accounts/reauthenticate/", {"password": "ada-buys-things"}),
        (Client(), "/language/", {"language": "de"}),
        (Client(), "/theme/", {"theme": "dark"}),
    ]
    for client, path, form in requests:
        response = client.post(path, {**form, "next": evil}, query_params={"next": evil})
        assert response.status_code in (302, 303), path
        location = response["Location"]
        assert location.startswith("/"), (path, location)
        assert not re.match(r"/[/\\\s]", location), (path, location)
        assert response.cookies.get("sessionid") != "mine"


def test_remembered_page_is_a_path_of_this_site(as_ada: Client, icons: ProductConfiguration) -> None:
    for start in ("//evil.example", "/\\evil.example"):
        as_ada.get(f"{start}/purchases/icon-set/")
    as_ada.get("/purchases/icon-set/?next=//evil.example/")
    wanted = as_ada.session["next_paths"]
    assert list(wanted.values()) == ["/purchases/icon-set/?next=//evil.example/"]


HOSTS = [
    {"host": "evil.example"},
    {"host": "testserver:80@evil.example"},
    {"host": "testserver.evil.example"},
]
FORWARDED_HEADERS = [
    {"x-forwarded-host": "evil.example"},
    {"forwarded": "host=evil.example"},
    {"x-host": "evil.example"},
]


@pytest.mark.parametrize("headers", [*HOSTS, *FORWARDED_HEADERS])
def test_links_in_emails_start_with_site_url_for_any_host_header(
    ada: User, settings: Any, mailoutbox: list[Any], headers: dict[str, str]
) -> None:
    """Otherwise the user would send the password reset key to the attacker."""
    settings.ALLOWED_HOSTS = ["testserver"]
    response = Client().post("/accounts/password/reset/", {"email": ada.email}, headers=headers)
    assert response.status_code == (400 if "host" in headers else 302)
    assert len(mailoutbox) == (0 if "host" in headers else 1)
    for mail in mailoutbox:
        assert f"{settings.SITE_URL}/accounts/password/reset/key/" in mail.body
        assert "evil" not in mail.body


@pytest.mark.parametrize(
    "headers",
    [
        *FORWARDED_HEADERS,
        {"x-forwarded-proto": "evil"},
        {"x-original-url": "/admin/"},
        {"x-rewrite-url": "/admin/"},
        {"x-http-method-override": "POST"},
        {"accept-language": "<script>alert(1)</script>"},
        {"accept-encoding": "gzip;<script>"},
        {"cookie": "theme=<script>; language=<script>; csrftoken=<script>"},
        {"hx-request": "true", "hx-target": "<script>"},
        {"range": "bytes=0-3"},
    ],
)
def test_cached_page_contains_nothing_of_the_first_request(
    icons: ProductConfiguration, cached_pages: None, settings: Any, headers: dict[str, str]
) -> None:
    settings.DEBUG = False
    pages = ["/store/", "/store/icon-set/"]
    caches["pages"].clear()
    clean = {path: Client().get(path, headers={"accept-language": "fr"}).content for path in pages}
    caches["pages"].clear()
    for path in pages:
        Client().get(f"{path}?utm_source=<script>alert(1)</script>&page=1&page=evil", headers=headers)
        Client().head(path, headers=headers)
    for path in pages:
        now = Client().get(path, headers={"accept-language": "fr"}).content
        assert now == clean[path]
