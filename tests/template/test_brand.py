"""brand.css and static/brand/ set the look of the shop."""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.template.loader import render_to_string
from django.test import Client
from PIL import Image

from apps.core.design_tokens import resolve_token
from apps.core.stylesheet import _join_files
from tests.integration.urls import read_body

pytestmark = pytest.mark.django_db

REBRAND = """
@media print { :root { --brand: #000000; } }
/* :root { --brand: #111111; } */
:root {
  --brand: #7a1f4b; --brand-strong: #5b1338; --brand-ink: #fff4e8;
  --brand-night: #ffb3d1; --brand-night-ink: #33061c;
  --color-page: light-dark(#fff9f2, rgb(26 16 20));
  --brand-logo: url("../our logo.png");
}
"""
THEME_COLOURS = re.compile(r'<meta name="theme-color" content="([^"]+)" media="([^"]+)">')


@pytest.fixture
def rebranded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: object) -> Iterator[None]:
    """Use a brand.css with other colours and a logo."""
    (tmp_path / "brand.css").write_text(REBRAND)
    find = finders.find
    replaced = {"css/brand.css": tmp_path / "brand.css"}
    monkeypatch.setattr(finders, "find", lambda name, **options: replaced.get(name) or find(name, **options))
    settings.DEBUG = True  # type: ignore[attr-defined]  # reads brand.css again on each change
    _join_files.cache_clear()  # another test may have read the stylesheet with DEBUG
    yield
    _join_files.cache_clear()


def test_page_and_stylesheet_use_the_brand_colours(client: Client, rebranded: None) -> None:
    page = client.get("/").content.decode()
    assert THEME_COLOURS.findall(page) == [
        ("#fff9f2", "(prefers-color-scheme: light)"),
        ("rgb(26 16 20)", "(prefers-color-scheme: dark)"),
    ]
    (style,) = re.findall(r'href="(/style/[^"]+)"', page)
    css = client.get(style).content.decode()
    assert "--brand: #7a1f4b" in css
    assert "/static/our%20logo.png" in css


def test_token_is_resolved_for_each_scheme(rebranded: None) -> None:
    assert resolve_token("--color-accent", "light") == "#7a1f4b"
    assert resolve_token("--color-accent", "dark") == "#ffb3d1"
    assert resolve_token("--color-accent-soft", "light") == "color-mix(in srgb, #7a1f4b 9%, #ffffff)"
    with pytest.raises(KeyError, match="--color-nothing"):
        resolve_token("--color-nothing", "light")


def test_icons_of_a_page_are_cacheable_images(client: Client) -> None:
    head = client.get("/").content.decode().partition("</head>")[0]
    urls = re.findall(r'<link rel="(?:icon|apple-touch-icon)" href="([^"]+)"', head)
    assert len(urls) == 3
    for url in urls:
        response = read_body(client.get(url))
        assert response["Content-Type"].startswith("image/"), url
        assert "max-age" in response["Cache-Control"]


def test_phone_icons_have_no_transparency() -> None:
    for name, size in (("touch-icon", 180), ("icon-maskable-512", 512)):
        with Image.open(f"static/brand/{name}.png") as picture:
            assert (picture.mode, picture.size) == ("RGB", (size, size))


def test_manifest_names_the_shop_and_existing_icons(
    client: Client, rebranded: None, settings: object
) -> None:
    settings.SITE_NAME = "Atelier"  # type: ignore[attr-defined]
    response = client.get("/manifest.webmanifest")
    assert response["Content-Type"] == "application/manifest+json"
    manifest = response.json()
    assert (manifest["name"], manifest["theme_color"]) == ("Atelier", "#fff9f2")
    assert {icon["purpose"] for icon in manifest["icons"]} == {"any", "maskable"}
    for icon in manifest["icons"]:
        picture = Image.open(BytesIO(read_body(client.get(icon["src"])).body))
        assert "{}x{}".format(*picture.size) == icon["sizes"]


def test_emails_use_the_brand_colours(rebranded: None) -> None:
    mail = render_to_string("ecommerce/mail/mail.html", {"title": "Hello"})
    for style in ("background: #7a1f4b; color: #fff4e8", "background: #ffb3d1; color: #33061c"):
        assert style in mail
    assert "2b3fd6" not in mail
