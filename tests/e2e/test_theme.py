"""Light or dark: the system's word, then the shopper's, at once and on every page, with and without JavaScript."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

DARK, LIGHT = "rgb(18, 19, 23)", "rgb(250, 250, 247)"


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("contentinfo").get_by_role("button", name=name, exact=True)


def expect_ground(page: Page, colour: str) -> None:
    expect(page.locator("html")).to_have_css("background-color", colour)


@pytest.mark.parametrize("scripts", [True, False])
def test_a_shopper_chooses_and_it_stays(new_context: Callable[..., BrowserContext], scripts: bool) -> None:
    page = new_context(color_scheme="dark", java_script_enabled=scripts).new_page()
    page.goto("/terms/?from=mail")
    expect_ground(page, DARK)
    expect(button(page, "System")).to_have_attribute("aria-pressed", "true")

    if scripts:
        page.route("**/theme/", lambda route: route.abort())  # the server need not be asked
    button(page, "Light").press("Enter")
    expect_ground(page, LIGHT)
    expect(page).to_have_url(re.compile(r"/terms/\?from=mail$"))
    expect(button(page, "Light")).to_have_attribute("aria-pressed", "true")
    expect(button(page, "System")).to_have_attribute("aria-pressed", "false")

    page.goto("/store/", wait_until="commit")
    assert page.locator("html").get_attribute("data-theme") == "light"  # in the first bytes: no flash
    expect_ground(page, LIGHT)
    if scripts:
        bars = page.locator('meta[name="theme-color"]')
        assert [bars.nth(number).get_attribute("media") for number in (0, 1)] == ["all", "not all"]

    button(page, "System").click()
    expect_ground(page, DARK)
    page.reload()
    expect_ground(page, DARK)
