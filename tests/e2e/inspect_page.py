"""Check a page with axe, for touch targets, by keyboard and zoomed in.

Each function returns complaints instead of failing, so that a run over many pages reports all of them.
"""

from __future__ import annotations

import os
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

WIDTHS = (320, 390, 768, 1280)
SCHEMES = ("light", "dark")
EVERYTHING = [(width, scheme) for width in WIDTHS for scheme in SCHEMES]
# Colours depend on the scheme and layout on the width, so four of the eight show each of them twice.
# `make audit` uses all eight.
LOOKS = (
    EVERYTHING if os.environ.get("AUDIT") else [(320, "dark"), (390, "light"), (768, "dark"), (1280, "light")]
)
HEIGHT = 800
ZOOMED = {"width": 320, "height": 256}  # 1280 × 1024 zoomed to 400 %

# Without preload, which would fetch each stylesheet again and inject it; our policy forbids that.
AXE = {"resultTypes": ["violations"], "preload": False}
SETTLED = """Promise.all(
    document.getAnimations().filter(a => a instanceof CSSTransition).map(a => a.finished.catch(() => {}))
)"""
NEXT_FRAME = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
MOST_STOPS = 150


def complaints(page: Page, name: str = "") -> list[str]:
    """Return all complaints about the page, on each screen and in both colour schemes."""
    page.evaluate(_inspector())
    found = []
    for width, scheme in LOOKS:
        page.set_viewport_size({"width": width, "height": HEIGHT})
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.evaluate(SETTLED)
        looks = f"{width} px, {scheme}"
        found += [f"axe ({looks}): {complaint}" for complaint in _axe(page)]
        if width in (320, 768):
            found += [f"{looks}: {complaint}" for complaint in _ask(page, "tooWide", "cutOff")]
        if width == 390:
            found += [f"{looks}: {complaint}" for complaint in _ask(page, "targets", "inputs")]
            found += by_keyboard(page)
    page.set_viewport_size(ZOOMED)
    found += [f"400 % zoom: {complaint}" for complaint in _ask(page, "tooWide", "stuck")]
    page.set_viewport_size({"width": 1280, "height": HEIGHT})
    page.emulate_media(color_scheme="light")
    where = f"{name} {page.url}".strip()
    return [f"{where}: {complaint}" for complaint in found]


def by_keyboard(page: Page) -> list[str]:
    """Tab through the page: each stop is visible, shows its focus, and follows reading order."""
    found: list[str] = []
    before: dict[str, Any] | None = None
    seen = set()
    page.evaluate("document.activeElement?.blur(); scrollTo(0, 0)")
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        stop = page.evaluate("inspection.focused()")
        if stop is None or stop["key"] in seen:
            return found
        seen.add(stop["key"])
        if not stop["visible"]:  # the browser scrolls to the element in the next frame
            page.evaluate(NEXT_FRAME)
            stop = page.evaluate("inspection.focused()") or stop
        if not stop["visible"]:
            found.append(f"keyboard: {stop['name']} has the focus where nobody sees it")
        if not stop["rings"]:
            found.append(f"keyboard: {stop['name']} does not show its focus")
        if before and stop["inFlow"] and stop["top"] < before["top"] - 60 and stop["left"] <= before["left"]:
            found.append(f"keyboard: from {before['name']} back up to {stop['name']}")
        before = stop if stop["inFlow"] else before
    return [*found, f"keyboard: after {MOST_STOPS} stops there was still another one"]


def _ask(page: Page, *questions: str) -> list[str]:
    return [answer for question in questions for answer in page.evaluate(f"inspection.{question}()")]


def _axe(page: Page) -> list[str]:
    result = page.evaluate("options => axe.run(document, options)", AXE)
    return [
        f"{violation['id']}: {violation['help']} at {[node['target'] for node in violation['nodes']][:3]}"
        for violation in result["violations"]
    ]


@cache
def _inspector() -> str:
    axe = (files("axe_playwright_python") / "axe.min.js").read_text()
    return f"() => {{ {axe}\n{Path(__file__).with_name('inspect.js').read_text()} }}"
