"""`make screenshots`: take screenshots of each page and state on three screens, in light and dark.

.venv/bin/python -m pytest tests/e2e/gallery.py -n 2       writes var/screenshots/sheet.html
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from apps.ecommerce.models import ProductConfiguration
from apps.users.models import User
from tests.e2e import scenes
from tests.e2e.users import sign_in

SCREENS = {390: 844, 768: 1024, 1280: 900}
SCHEMES = ("light", "dark")
FOLDER = Path(__file__).resolve().parents[2] / "var" / "screenshots"
MAX_HEIGHT = 3000  # px; the rest of a longer page is cut off


def take_screenshots(page: Page, scenes_to_show: Iterable[scenes.Scene]) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for scene in scenes_to_show:
        scenes.show(page, scene)
        for width, height in SCREENS.items():
            page.set_viewport_size({"width": width, "height": height})
            for scheme in SCHEMES:
                page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                page.evaluate(f"scrollTo(0, {MAX_HEIGHT})")  # loads lazy images
                page.evaluate("Promise.all([...document.images].map(i => i.decode().catch(() => {})))")
                page.evaluate("scrollTo(0, 0)")
                page_height = min(page.evaluate("document.documentElement.scrollHeight"), MAX_HEIGHT)
                page.screenshot(
                    path=FOLDER / f"{scene.name}.{width}.{scheme}.jpeg",
                    full_page=True,
                    clip={"x": 0, "y": 0, "width": width, "height": max(page_height, height)},
                    type="jpeg",
                    quality=80,
                )


@pytest.fixture(autouse=True, scope="session")
def plain_artwork() -> None:
    """Show the real drawings."""


@pytest.fixture(autouse=True, scope="session")
def sheet() -> Iterator[None]:
    """Write one page with all screenshots, a row per scene. The last process writes the complete page."""
    yield
    names = sorted({path.name.split(".")[0] for path in FOLDER.glob("*.jpeg")})
    rows = "".join(f"<h2>{html.escape(name)}</h2><p>{_row(name)}</p>" for name in names)
    style = "body{font:16px system-ui;background:#888}p{display:flex;gap:12px;align-items:start}h2{margin:1em 0 .2em}"
    (FOLDER / "sheet.html").write_text(
        f"<!doctype html><meta charset=utf-8><title>Every page</title><style>{style}</style>{rows}"
    )


def _row(name: str) -> str:
    files = [f"{name}.{width}.{scheme}.jpeg" for width in SCREENS for scheme in SCHEMES]
    return "".join(
        f'<a href="{file}"><img src="{file}" width="{int(file.split(".")[1]) // 4}" loading="lazy"></a>'
        for file in files
    )


def test_screenshots_of_visitor_pages(page: Page, goods: ProductConfiguration) -> None:
    take_screenshots(page, scenes.FOR_VISITORS)


def test_screenshots_of_developer_pages(page: Page, goods: ProductConfiguration, settings: Any) -> None:
    settings.DEBUG = True
    take_screenshots(page, scenes.FOR_DEVELOPERS)


def test_screenshots_of_buyer_pages(page: Page, ada: User, goods: ProductConfiguration) -> None:
    take_screenshots(sign_in(page, ada), scenes.buyer_scenes(ada))


def test_screenshots_of_security_pages(page: Page, ada: User, shop: None) -> None:
    take_screenshots(sign_in(page, ada), scenes.security_scenes(ada))


def test_screenshots_of_purchase_states(page: Page, ada: User, goods: ProductConfiguration) -> None:
    take_screenshots(sign_in(page, ada), scenes.status_scenes(ada))


def test_screenshots_of_payments(page: Page, ada: User, goods: ProductConfiguration) -> None:
    take_screenshots(sign_in(page, ada), scenes.payment_scenes(ada))


def test_screenshots_of_difficult_layouts(page: Page, goods: ProductConfiguration) -> None:
    take_screenshots(page, scenes.difficult_scenes())
