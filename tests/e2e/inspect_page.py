"""Check a page with axe, for touch targets, by keyboard and zoomed in.

Each function returns problems instead of failing, so that a run over many pages reports all of them.
"""

from __future__ import annotations

import os
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

WIDTHS = (320, 390, 768, 1280)
SCHEMES = ("dark", "light")
ALL_LOOKS = [(width, scheme) for width in WIDTHS for scheme in SCHEMES]
# Colours depend on the scheme, layout on the width, so axe runs once in each scheme, on the narrowest and the widest
# screen. `make audit` runs it on all eight. All its rules run again only if other elements are shown (inspect.js).
LOOKS = (
    ALL_LOOKS if os.environ.get("AUDIT") else [(320, "dark"), (390, "light"), (768, "light"), (1280, "light")]
)
AXE_LOOKS = ALL_LOOKS if os.environ.get("AUDIT") else [(320, "dark"), (1280, "light")]
HEIGHT = 800
ZOOMED = {"width": 320, "height": 256}  # 1280 × 1024 zoomed to 400 %

# The Content Security Policy forbids axe's preload, which injects stylesheets.
AXE = {"resultTypes": ["violations"], "preload": False}
FINISH_TRANSITIONS = "document.getAnimations().forEach(a => a instanceof CSSTransition && a.finish())"
NEXT_FRAME = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
MAX_STOPS = 150


def problems(page: Page, name: str = "", checked_frames: set[str] | None = None) -> list[str]:
    """Return all problems of the page, on each screen and in both colour schemes.

    If its header and footer are in `checked_frames`, axe and keyboard check only what is between them; if not, they are
    added.
    """
    page.evaluate(_inspector())
    checked_frames = set() if checked_frames is None else checked_frames
    frame = page.evaluate("inspection.frame()")
    without_frame = frame in checked_frames
    checked_frames |= {frame} - {""}
    found = []
    shown_scheme = ""
    page.set_viewport_size(ZOOMED)
    found += [f"400 % zoom: {problem}" for problem in _evaluate(page, "tooWide", "stuck")]
    for width, scheme in LOOKS:
        page.set_viewport_size({"width": width, "height": HEIGHT})
        if scheme != shown_scheme:
            page.emulate_media(color_scheme=scheme)
            shown_scheme = scheme
        looks = f"{width} px, {scheme}"
        if (width, scheme) in AXE_LOOKS:
            page.evaluate(FINISH_TRANSITIONS)
            found += [f"axe ({looks}): {problem}" for problem in _axe(page, without_frame)]
        if width in (320, 768):
            found += [f"{looks}: {problem}" for problem in _evaluate(page, "tooWide", "cutOff")]
        if width == 390:
            found += [f"{looks}: {problem}" for problem in _evaluate(page, "targets", "inputs")]
            found += keyboard_problems(page, without_frame)
    prefix = f"{name} {page.url}".strip()
    return [f"{prefix}: {problem}" for problem in found]


def keyboard_problems(page: Page, without_frame: bool) -> list[str]:
    """Press Tab through the page; each focused element must be visible, show its focus and follow the reading order."""
    found: list[str] = []
    before: dict[str, Any] | None = None
    seen = set()
    page.evaluate("document.activeElement?.blur(); scrollTo(0, 0)")
    if without_frame:
        page.evaluate("document.getElementById('main').focus({ preventScroll: true })")
    for _ in range(MAX_STOPS):
        page.keyboard.press("Tab")
        stop = page.evaluate("inspection.focused()")
        if stop is None or stop["key"] in seen or (without_frame and stop["inFrame"]):
            return found
        seen.add(stop["key"])
        if not stop["visible"]:  # the browser scrolls to the element in the next frame
            page.evaluate(NEXT_FRAME)
            stop = page.evaluate("inspection.focused()") or stop
        if not stop["visible"]:
            found.append(f"keyboard: {stop['name']} is focused but not visible")
        if not stop["rings"]:
            found.append(f"keyboard: {stop['name']} does not show its focus")
        if before and stop["inFlow"] and stop["top"] < before["top"] - 60 and stop["left"] <= before["left"]:
            found.append(f"keyboard: focus moves up from {before['name']} to {stop['name']}")
        before = stop if stop["inFlow"] else before
    return [*found, f"keyboard: more than {MAX_STOPS} stops"]


def _evaluate(page: Page, *checks: str) -> list[str]:
    return [problem for check in checks for problem in page.evaluate(f"inspection.{check}()")]


def _axe(page: Page, without_frame: bool) -> list[str]:
    result = page.evaluate(
        "([options, withoutFrame]) => inspection.axe(options, withoutFrame)", [AXE, without_frame]
    )
    return [
        f"{violation['id']}: {violation['help']} at {[node['target'] for node in violation['nodes']][:3]}"
        for violation in result["violations"]
    ]


@cache
def _inspector() -> str:
    axe = (files("axe_playwright_python") / "axe.min.js").read_text()
    return f"() => {{ {axe}\n{Path(__file__).with_name('inspect.js').read_text()} }}"
