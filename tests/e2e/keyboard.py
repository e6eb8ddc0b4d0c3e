"""Use pages by keyboard only."""

from playwright.sync_api import Locator, Page

MAX_STOPS = 40  # maximum from the top of a page to an element


def tab_to(page: Page, target: Locator) -> None:
    target.wait_for()
    for _ in range(MAX_STOPS):
        page.keyboard.press("Tab")
        if target.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"{target} has no focus after {MAX_STOPS} times Tab")


def enter(page: Page, target: Locator, text: str) -> None:
    tab_to(page, target)
    page.keyboard.type(text)


def press(page: Page, target: Locator) -> None:
    tab_to(page, target)
    page.keyboard.press("Enter")
