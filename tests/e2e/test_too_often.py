"""Whoever does something too often reads so, loses nothing, and goes on after the wait."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from apps.core import rate_limits
from apps.ecommerce.models import ProductConfiguration
from apps.users.models import User
from tests.e2e.cast import sign_in
from tests.e2e.pages.hosted_checkout import HostedCheckout
from tests.e2e.pages.product import ProductPage
from tests.e2e.screens import both_screens


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What time it is for the limits."""
    moment = [1_800_000_000.0]
    monkeypatch.setattr(rate_limits, "now", lambda: moment[0])
    return moment


@both_screens
def test_a_checkout_too_often_waits_and_then_goes_on(
    page: Page, ada: User, goods: ProductConfiguration, settings: Any, clock: list[float]
) -> None:
    settings.RATE_LIMITS = {"checkout": "1/5m/user"}
    product = ProductPage(sign_in(page, ada)).goto(goods.slug)
    product.buy()
    HostedCheckout(page).wait_until_ready()

    product.goto(goods.slug).buy()
    expect(product.heading).to_have_text("That was a little too often")
    expect(page.get_by_role("main")).to_contain_text("nothing was charged. Wait 5 minutes, then try again.")

    clock[0] += 300
    product.goto(goods.slug).buy()
    HostedCheckout(page).pay()
    expect(page.get_by_role("heading", level=1)).to_have_text("Paid. It is yours.")


def test_a_search_too_often_says_so_where_the_products_were(
    browser: Browser, base_url: str, ada: User, goods: ProductConfiguration, settings: Any, clock: list[float]
) -> None:
    """In a browser that nobody watches: it reports the refusal on its console, as it should."""
    settings.RATE_LIMITS = {"search": "1/m/user"}
    page = sign_in(browser.new_context(base_url=base_url, locale="en-US").new_page(), ada)
    page.goto("/store/?q=tiny")
    page.get_by_role("searchbox").fill("work")
    expect(page.get_by_role("alert")).to_contain_text("That was a little too often")
    expect(page.get_by_role("heading", level=1)).to_have_text("Store")

    clock[0] += 60  # the page asks again by itself
    expect(page.locator("#shelf")).to_be_visible()
    page.context.close()
