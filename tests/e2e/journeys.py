"""Steps that many tests begin with; they assert nothing about the shop."""

import time
from collections.abc import Callable

from playwright.sync_api import Page

from tests.e2e.pages.hosted_checkout import VISA, HostedCheckout
from tests.e2e.pages.product import ProductPage
from tests.e2e.pages.purchase import PurchasePage

RETURN = "**/store/checkout/return/?session_id=*"


def wait_until(page: Page, condition: Callable[[], bool], seconds: float = 10) -> None:
    """Wait for a condition that no page shows, for at most `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not true within {seconds} s"
        page.wait_for_timeout(50)


def go_to_checkout(page: Page, slug: str) -> HostedCheckout:
    """Go from the product page to the hosted page for its first price."""
    ProductPage(page).goto(slug).buy()
    checkout = HostedCheckout(page)
    checkout.wait_until_ready()
    return checkout


def buy(page: Page, slug: str, card: str = VISA) -> PurchasePage:
    """Buy the product's first price and return the page after payment."""
    go_to_checkout(page, slug).pay(card)
    page.wait_for_url(RETURN)
    return PurchasePage(page)


def is_as_wide_as_the_window(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))
