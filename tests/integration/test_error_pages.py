"""In development all error pages can be seen, and Django's own 404 links to the shop's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from apps.devtools.views.errors import ERROR_PAGES
from tests.unit.env_settings import PRODUCTION, load_settings

pytestmark = pytest.mark.django_db

TEMPLATES = {
    "400": ("400.html", 400),
    "403": ("403.html", 403),
    "403-csrf": ("403_csrf.html", 403),
    "404": ("404.html", 404),
    "413": ("413.html", 413),
    "429": ("429.html", 429),
    "500": ("500.html", 500),
    "503": ("500.html", 503),
    "maintenance": ("maintenance.html", 503),
}


@pytest.fixture(autouse=True)
def _debug(settings: Any) -> None:
    settings.DEBUG = True


def test_list_links_to_each_error_page(client: Client) -> None:
    shown = client.get("/dev/errors/").content.decode()
    assert TEMPLATES.keys() <= ERROR_PAGES.keys()
    for name in ERROR_PAGES:
        assert f'href="/dev/errors/{name}/"' in shown
    assert 'href="/dev/errors/"' in client.get("/dev/style/").content.decode()


@pytest.mark.parametrize("name", ERROR_PAGES)
def test_error_page_is_the_one_of_visitors(client: Client, name: str) -> None:
    response = client.get(f"/dev/errors/{name}/")
    template, status = TEMPLATES.get(name, ("standalone.html", response.status_code))
    assert response.status_code == status >= 400
    assert template in [row.name for row in response.templates]
    assert "For developers" not in response.content.decode()


def test_unknown_error_page_is_a_404(client: Client) -> None:
    assert client.get("/dev/errors/nothing/").status_code == 404


@pytest.mark.parametrize("path", ["/no-such-page/", "/store/no-such-product/"])
def test_djangos_404_links_to_the_shops(client: Client, settings: Any, tmp_path: Path, path: str) -> None:
    # With the middleware of a development server.
    settings.MIDDLEWARE = load_settings(tmp_path, DEBUG="true", SECRET_KEY="x" * 50)["MIDDLEWARE"]
    response = client.get(path)
    assert response.status_code == 404
    shown = response.content.decode()
    assert "DEBUG = True" in shown
    assert 'href="/dev/errors/404/"' in shown


def test_production_shows_only_the_shops_page(client: Client, settings: Any, tmp_path: Path) -> None:
    settings.DEBUG = False
    production = load_settings(tmp_path, **PRODUCTION)
    assert not [name for name in production["MIDDLEWARE"] if "devtools" in name]
    shown = client.get("/no-such-page/").content.decode()
    assert "/dev/" not in shown
    assert "Page not found" in shown
