"""brand.css alone rebrands: pages, icons, manifest and mails follow it. The theme is a cookie of the shopper's."""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.template.loader import render_to_string
from django.test import Client
from PIL import Image

from apps.web import favicons

pytestmark = pytest.mark.django_db

REBRAND = """
@media print { :root { --brand: #000000; } }
/* :root { --brand: #111111; } */
:root {
  --brand: #7a1f4b; --brand-strong: #5b1338; --brand-ink: #fff4e8;
  --brand-night: #ffb3d1; --brand-night-ink: #33061c;
  --color-page: light-dark(#fff9f2, #1a1014);
  --brand-logo: url("../our logo.png");
}
"""
THEME_COLOURS = re.compile(r'<meta name="theme-color" content="(#\w+)" media="([^"]+)">')


@pytest.fixture
def rebranded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: object) -> Path:
    """A founder's own brand.css, with a wide PNG as logo."""
    (tmp_path / "brand.css").write_text(REBRAND)
    Image.new("RGBA", (200, 100), "#7a1f4b").save(tmp_path / "our logo.png")
    ours = {"css/brand.css": tmp_path / "brand.css", "our logo.png": tmp_path / "our logo.png"}
    real = finders.find
    monkeypatch.setattr(finders, "find", lambda name, **options: ours.get(name) or real(name, **options))
    settings.DEBUG = True  # type: ignore[attr-defined]  # each change is read again
    return tmp_path


def test_the_page_and_its_stylesheet_wear_the_brand(client: Client, rebranded: Path) -> None:
    page = client.get("/").content.decode()
    assert THEME_COLOURS.findall(page) == [
        ("#fff9f2", "(prefers-color-scheme: light)"),
        ("#1a1014", "(prefers-color-scheme: dark)"),
    ]
    assert re.search(r'<link rel="icon" href="/icons/\w+/icon-192.png" type="image/png">', page)
    (style,) = re.findall(r'href="(/style/[^"]+)"', page)
    css = client.get(style).content.decode()
    assert "--brand: #7a1f4b" in css
    assert "/static/our%20logo.png" in css


def test_icons_are_drawn_from_the_logo_whatever_kind_of_file_it_is(client: Client, rebranded: Path) -> None:
    before = favicons.digest()
    for name, (size, share) in favicons.ICONS.items():
        response = client.get(f"/icons/{before}/{name}.png")
        assert "immutable" in response["Cache-Control"]
        picture = Image.open(BytesIO(response.content))
        assert picture.size == (size, size)
        assert picture.mode == ("RGBA" if share is None else "RGB")  # phones fill what is clear with black
    wide = Image.open(BytesIO(client.get(f"/icons/{before}/icon-192.png").content)).convert("RGBA")
    assert wide.getpixel((96, 96)) == (0x7A, 0x1F, 0x4B, 255)
    assert wide.getpixel((96, 10)) == (0, 0, 0, 0)  # twice as wide as high: clear above

    Image.new("RGBA", (64, 64), "#00aa00").save(rebranded / "our logo.png")
    assert favicons.digest() != before
    assert "immutable" not in client.get(f"/icons/{before}/icon-192.png")["Cache-Control"]
    assert client.get(f"/icons/{before}/nothing.png").status_code == 404


def test_the_icon_at_the_root_has_the_sizes_that_windows_asks_for(client: Client) -> None:
    response = client.get("/favicon.ico")
    assert response["Content-Type"] == "image/x-icon"
    assert Image.open(BytesIO(response.content)).info["sizes"] == {(16, 16), (32, 32), (48, 48)}
    assert "max-age" in response["Cache-Control"]


def test_the_manifest_names_the_shop_and_icons_that_exist(
    client: Client, rebranded: Path, settings: object
) -> None:
    settings.SITE_NAME = "Atelier"  # type: ignore[attr-defined]
    response = client.get("/manifest.webmanifest")
    assert response["Content-Type"] == "application/manifest+json"
    manifest = response.json()
    assert (manifest["name"], manifest["theme_color"]) == ("Atelier", "#fff9f2")
    assert {icon["purpose"] for icon in manifest["icons"]} == {"any", "maskable"}
    for icon in manifest["icons"]:
        picture = Image.open(BytesIO(client.get(icon["src"]).content))
        assert "{}x{}".format(*picture.size) == icon["sizes"]


def test_mails_wear_the_brand(rebranded: Path) -> None:
    mail = render_to_string("ecommerce/mail/mail.html", {"title": "Hello"})
    for ours in ("background: #7a1f4b; color: #fff4e8", "background: #ffb3d1; color: #33061c"):
        assert ours in mail
    assert "2b3fd6" not in mail


def test_the_theme_is_chosen_by_a_form_and_remembered_without_a_flash(client: Client) -> None:
    assert "data-theme" not in client.get("/").content.decode().partition("<body")[0]
    for theme, bars in (("dark", ["not all", "all"]), ("light", ["all", "not all"])):
        response = client.post("/theme/", {"theme": theme, "next": "/store/?q=icons"})
        assert (response.status_code, response["Location"]) == (303, "/store/?q=icons")
        page = client.get("/").content.decode()
        assert f'data-theme="{theme}">' in page
        assert f'<meta name="color-scheme" content="{theme}">' in page
        assert [media for _colour, media in THEME_COLOURS.findall(page)] == bars
        assert re.search(rf'value="{theme}" aria-pressed="true"', page)
        assert page.count('aria-pressed="true"') == 1
    client.post("/theme/", {"theme": "system"})
    assert 'content="light dark"' in client.get("/").content.decode()


def test_nobody_is_led_away_and_nothing_odd_is_remembered() -> None:
    client = Client(enforce_csrf_checks=True)  # cached pages carry no token
    for back in ("https://evil.example/", "//evil.example", "javascript:alert(1)", ""):
        response = client.post("/theme/", {"theme": "dark", "next": back})
        assert response["Location"] == "/"
    client.cookies["theme"] = '"><script>'
    page = client.get("/").content.decode()
    assert "<script>" not in page.partition("</head>")[0]
    assert "data-theme=" not in page.partition("<body")[0]
    assert client.get("/theme/").status_code == 405
