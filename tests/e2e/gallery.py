"""`make screenshots`: photograph each page and state on three screens, in light and dark, for people to look at.

.venv/bin/python -m pytest tests/e2e/gallery.py -n 2       writes var/screenshots/, sheet.html first
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
TALLEST = 3000  # px; the rest of a longer page is cut off


def photograph(page: Page, through: Iterable[scenes.Scene]) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for scene in through:
        scenes.show(page, scene)
        for width, height in SCREENS.items():
            page.set_viewport_size({"width": width, "height": height})
            for scheme in SCHEMES:
                page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                page.evaluate(f"scrollTo(0, {TALLEST})")  # loads lazy images
                page.evaluate("Promise.all([...document.images].map(i => i.decode().catch(() => {})))")
                page.evaluate("scrollTo(0, 0)")
                tall = min(page.evaluate("document.documentElement.scrollHeight"), TALLEST)
                page.screenshot(
                    path=FOLDER / f"{scene.name}.{width}.{scheme}.jpeg",
                    full_page=True,
                    clip={"x": 0, "y": 0, "width": width, "height": max(tall, height)},
                    type="jpeg",
                    quality=80,
                )


@pytest.fixture(autouse=True, scope="session")
def sheet() -> Iterator[None]:
    """Write one page with all screenshots, a scene per row; the process that ends last writes the complete one."""
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


def test_visitors(page: Page, goods: ProductConfiguration) -> None:
    photograph(page, scenes.FOR_VISITORS)


def test_developers(page: Page, goods: ProductConfiguration, settings: Any) -> None:
    settings.DEBUG = True
    photograph(page, scenes.FOR_DEVELOPERS)


def test_a_buyer(page: Page, ada: User, goods: ProductConfiguration) -> None:
    photograph(sign_in(page, ada), scenes.buyer_scenes(ada))


def test_security(page: Page, ada: User, shop: None) -> None:
    photograph(sign_in(page, ada), scenes.security_scenes(ada))


def test_states(page: Page, ada: User, goods: ProductConfiguration) -> None:
    photograph(sign_in(page, ada), scenes.status_scenes(ada))


def test_extremes(page: Page, goods: ProductConfiguration) -> None:
    photograph(page, scenes.difficult_scenes())
