"""Rate limits in the browser: a message, nothing lost, and success after the wait."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from apps.core import rate_limits
from apps.ecommerce.models import ProductConfiguration
from apps.users.models import User
from tests.e2e.pages.hosted_checkout import HostedCheckout
from tests.e2e.pages.product import ProductPage
from tests.e2e.pages.purchase import PurchasePage
from tests.e2e.screens import on_phone
from tests.e2e.users import sign_in


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Set the time of the rate limits."""
    seconds = [1_800_000_000.0]
    monkeypatch.setattr(rate_limits, "now", lambda: seconds[0])
    return seconds


@on_phone
def test_limited_checkout_succeeds_after_the_wait(
    page: Page, ada: User, goods: ProductConfiguration, settings: Any, clock: list[float]
) -> None:
    settings.RATE_LIMITS = {"checkout": "1/5m/user"}
    product = ProductPage(sign_in(page, ada)).goto(goods.slug)
    product.buy()
    HostedCheckout(page).wait_until_ready()

    product.goto(goods.slug).buy()
    expect(page.get_by_role("main")).to_contain_text("5 minutes")

    clock[0] += 300
    product.goto(goods.slug).buy()
    HostedCheckout(page).pay()
    expect(PurchasePage(page).in_state("paid")).to_be_visible()


def test_limited_search_shows_a_message_in_place_of_products(
    browser: Browser, base_url: str, ada: User, goods: ProductConfiguration, settings: Any, clock: list[float]
) -> None:
    """Use a browser without the fixture `page`, which fails because the browser logs the 429 to the console."""
    settings.RATE_LIMITS = {"search": "1/m/user"}
    page = sign_in(browser.new_context(base_url=base_url, locale="en-US").new_page(), ada)
    page.goto("/store/?q=tiny")
    page.get_by_role("searchbox").fill("work")
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text("Store")

    clock[0] += 60  # after a minute, the page retries
    expect(page.locator("#product-grid")).to_be_visible()
    page.context.close()
