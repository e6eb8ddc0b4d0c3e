"""Ways through the shop that many tests begin with. They arrive; they do not judge."""

import time
from collections.abc import Callable

from playwright.sync_api import Page

from tests.e2e.pages.hosted_checkout import VISA, HostedCheckout
from tests.e2e.pages.product import ProductPage
from tests.e2e.pages.purchase import PurchasePage

RETURN = "**/store/checkout/return/?session_id=*"


def eventually(page: Page, condition: Callable[[], bool], seconds: float = 10) -> None:
    """Waits, while the page lives on, for what no page shows. Fails when it has not come true in that time."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"not true within {seconds} s"
        page.wait_for_timeout(50)


def to_checkout(page: Page, slug: str) -> HostedCheckout:
    """From the product's page to the hosted page where its first price is paid."""
    ProductPage(page).goto(slug).buy()
    checkout = HostedCheckout(page)
    checkout.wait_until_ready()
    return checkout


def buy(page: Page, slug: str, card: str = VISA) -> PurchasePage:
    """The whole way, to the page that says what became of the money."""
    to_checkout(page, slug).pay(card)
    page.wait_for_url(RETURN)
    return PurchasePage(page)
