"""The language menu in the footer, with and without JavaScript."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from apps.users.models import User
from tests.e2e.pages.store import Store
from tests.e2e.users import PASSWORD_OF_ADA


def expect_german(page: Page) -> None:
    expect(page.locator("html")).to_have_attribute("lang", "de")
    expect(page.get_by_role("contentinfo").get_by_role("button", name="Deutsch")).to_have_attribute(
        "aria-current", "true"
    )


@pytest.mark.parametrize("scripts", [True, False])
def test_chosen_language_stays_after_signing_in(
    new_context: Callable[..., BrowserContext], ada: User, scripts: bool
) -> None:
    page = new_context(java_script_enabled=scripts).new_page()
    store = Store(page).goto("?type=recurring")
    page.get_by_role("contentinfo").get_by_role("button", name="Deutsch").press("Enter")
    expect_german(page)
    expect(page).to_have_url(re.compile(r"/store/\?type=recurring$"))
    expect(store.cards).to_have_count(2)
    expect(page.get_by_role("banner").get_by_role("link", name="Anmelden")).to_be_visible()

    page.goto("/accounts/login/?next=/store/")
    expect_german(page)
    page.locator("[name=login]").fill(ada.email)
    page.locator("[name=password]").fill(PASSWORD_OF_ADA)
    page.locator("[name=password]").press("Enter")
    expect(page).to_have_url(re.compile("/store/$"))
    expect_german(page)
    page.get_by_role("contentinfo").get_by_role("button", name="English").press("Enter")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.reload()
    expect(page.get_by_role("banner").get_by_role("link", name="My purchases")).to_be_visible()
