"""Theme, toasts and account menu of every page, by keyboard and without JavaScript."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from apps.ecommerce.models import ProductConfiguration
from apps.users.models import User
from tests.e2e.users import sign_in

DARK, LIGHT = "rgb(18, 19, 23)", "rgb(250, 250, 247)"


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("contentinfo").get_by_role("button", name=name, exact=True)


def expect_background(page: Page, colour: str) -> None:
    expect(page.locator("html")).to_have_css("background-color", colour)


@pytest.mark.parametrize("scripts", [True, False])
def test_chosen_theme_is_remembered(new_context: Callable[..., BrowserContext], scripts: bool) -> None:
    page = new_context(color_scheme="dark", java_script_enabled=scripts).new_page()
    page.goto("/store/?sort=name")
    expect_background(page, DARK)
    expect(button(page, "System")).to_have_attribute("aria-pressed", "true")

    if scripts:
        page.route("**/theme/", lambda route: route.abort())  # the script sends no request
    button(page, "Light").press("Enter")
    expect_background(page, LIGHT)
    expect(page).to_have_url(re.compile(r"/store/\?sort=name$"))
    expect(button(page, "Light")).to_have_attribute("aria-pressed", "true")
    expect(button(page, "System")).to_have_attribute("aria-pressed", "false")

    page.goto("/store/", wait_until="commit")
    # in the first bytes, so the page does not flash
    assert page.locator("html").get_attribute("data-theme") == "light"
    expect_background(page, LIGHT)
    if scripts:
        bars = page.locator('meta[name="theme-color"]')
        assert [bars.nth(number).get_attribute("media") for number in (0, 1)] == ["all", "not all"]

    button(page, "System").click()
    expect_background(page, DARK)
    page.reload()
    expect_background(page, DARK)


def test_toast_is_announced_and_stays_until_dismissed(
    page: Page, bob: User, goods: ProductConfiguration
) -> None:
    sign_in(page, bob).goto(f"/purchases/{goods.slug}/")
    toast = page.get_by_role("status").filter(has_text=goods.product.name)
    expect(toast).to_be_visible()
    expect(page.locator("#announcer")).to_contain_text(goods.product.name)
    assert page.evaluate("document.activeElement === document.body")
    page.mouse.wheel(0, 600)
    expect(toast).to_be_in_viewport()
    toast.get_by_role("button", name="Dismiss this message").press("Enter")
    expect(toast).to_have_count(0)


def test_account_menu_works_by_keyboard(page: Page, bob: User, goods: ProductConfiguration) -> None:
    sign_in(page, bob).goto("/store/")
    menu = page.get_by_role("banner").get_by_role("group")
    button, first = menu.locator("summary"), menu.get_by_role("link", name="My purchases")
    button.press("Enter")
    page.keyboard.press("Tab")
    expect(first).to_be_focused()
    page.keyboard.press("Escape")
    expect(first).to_be_hidden()
    expect(button).to_be_focused()

    button.press("Enter")
    menu.get_by_role("button").focus()
    page.keyboard.press("Tab")  # leaves the menu
    expect(first).to_be_hidden()


def test_toast_and_menu_work_without_javascript(
    new_context: Callable[..., BrowserContext], bob: User, goods: ProductConfiguration
) -> None:
    page = new_context(java_script_enabled=False).new_page()
    sign_in(page, bob).goto(f"/purchases/{goods.slug}/")
    expect(page.get_by_role("status")).to_contain_text(goods.product.name)
    expect(page.get_by_role("button", name="Dismiss")).to_have_count(0)
    menu = page.get_by_role("banner").get_by_role("group")
    menu.locator("summary").click()
    menu.get_by_role("button").click()
    expect(page.get_by_role("banner").locator("a[href^='/accounts/login/']")).to_be_visible()
