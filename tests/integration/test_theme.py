"""A cookie stores the shopper's theme."""

from __future__ import annotations

import re

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db

THEME_COLOURS = re.compile(r'<meta name="theme-color" content="([^"]+)" media="([^"]+)">')


def test_theme_form_sets_the_theme_of_the_next_page(client: Client) -> None:
    assert "data-theme" not in client.get("/store/").content.decode().partition("<body")[0]
    for theme, bars in (("dark", ["not all", "all"]), ("light", ["all", "not all"])):
        response = client.post("/theme/", {"theme": theme, "next": "/store/?q=icons"})
        assert (response.status_code, response["Location"]) == (302, "/store/?q=icons")
        page = client.get("/store/").content.decode()
        assert f'data-theme="{theme}">' in page
        assert f'<meta name="color-scheme" content="{theme}">' in page
        assert [media for _colour, media in THEME_COLOURS.findall(page)] == bars
        assert re.search(rf'value="{theme}" aria-pressed="true"', page)
        assert page.count('aria-pressed="true"') == 1
    client.post("/theme/", {"theme": "system"})
    assert 'content="light dark"' in client.get("/store/").content.decode()


def test_theme_form_ignores_other_sites_and_invalid_cookies() -> None:
    client = Client(enforce_csrf_checks=True)  # cached pages carry no token
    for next_url in ("https://evil.example/", "//evil.example", "javascript:alert(1)", ""):
        response = client.post("/theme/", {"theme": "dark", "next": next_url})
        assert response["Location"] == "/"
    client.cookies["theme"] = '"><script>'
    page = client.get("/store/").content.decode()
    assert "<script>" not in page.partition("</head>")[0]
    assert "data-theme=" not in page.partition("<body")[0]
    assert client.get("/theme/").status_code == 405
