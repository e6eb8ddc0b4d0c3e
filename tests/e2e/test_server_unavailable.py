"""Without network or server the page shows one message, and recovers without a reload."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from apps.ecommerce.models import ProductConfiguration, Purchase
from apps.users.models import User
from stripe_sandbox import switches
from tests.e2e import stripe_changes
from tests.e2e.journeys import buy
from tests.e2e.pages.store import Store
from tests.e2e.users import sign_in
from tests.factories import create_many_products

pytestmark = pytest.mark.usefixtures("fast_polling")


@pytest.fixture
def page(browser: Browser, browser_context_args: dict[str, Any], shop: None) -> Iterator[Page]:
    """Return a page whose failed requests are expected."""
    context = browser.new_context(**browser_context_args)
    yield context.new_page()
    context.close()


def respond_503(route: Route) -> None:
    route.fulfill(status=503, body="Down for a moment")


def test_waiting_buyer_sees_one_message_and_then_the_result(
    page: Page, ada: User, goods: ProductConfiguration
) -> None:
    switches.change(late_seconds=4)
    purchase = buy(sign_in(page, ada), goods.slug)
    expect(purchase.in_state("confirming")).to_be_visible()
    strip, announcer = page.locator("#unreachable"), page.locator("#announcer")
    page.context.set_offline(True)
    expect(strip).to_be_visible()
    message = strip.inner_text()
    expect(announcer).to_have_text(message)
    page.evaluate("document.getElementById('announcer').textContent = ''")
    expect(purchase.in_state("confirming")).to_be_visible()  # the payment must not be called failed
    page.context.set_offline(False)
    expect(purchase.in_state("paid")).to_be_visible()
    expect(strip).to_be_hidden()
    expect(announcer).to_have_text(purchase.heading.inner_text())

    # The purchase is final, then the server stops answering: one message for any number of retries.
    requests: list[str] = []
    page.route(
        "**/purchases/changes/*", lambda route: (requests.append(route.request.url), respond_503(route))
    )
    expect(strip).to_be_visible()
    expect(announcer).to_have_text(message)
    page.evaluate("document.getElementById('announcer').textContent = ''")
    stripe_changes.refund(Purchase.objects.get())
    while len(requests) < 2:
        page.wait_for_event("response", lambda response: response.status == 503)
    expect(strip).to_be_visible()
    expect(announcer).to_be_empty()
    assert len(requests) < 4  # polls less often than each second
    page.unroute_all()
    expect(purchase.in_state("refunded")).to_be_visible(timeout=20_000)
    expect(strip).to_be_hidden()


def test_store_keeps_its_products_and_loads_more_afterwards(page: Page) -> None:
    create_many_products(60)
    store, strip = Store(page).goto("?sort=newest"), page.locator("#unreachable")
    page.route(re.compile(r"/store/\?"), respond_503)
    store.search.fill("letter")
    expect(strip).to_be_visible()
    expect(store.cards).to_have_count(24)  # the products stay visible
    page.unroute_all()
    expect(store.cards).to_have_count(1)
    expect(strip).to_be_hidden()
    expect(page).to_have_url(re.compile(r"\?q=letter&sort=newest$"))

    store.goto("?sort=newest")
    page.route(re.compile(r"page=2"), lambda route: None)  # the request gets no response
    assert page.evaluate("htmx.config.timeout") == 12_000
    page.evaluate("htmx.config.timeout = 500")
    page.mouse.move(100, 500)
    page.mouse.wheel(0, 6000)
    expect(strip).to_be_visible()
    page.unroute_all()
    page.evaluate("htmx.config.timeout = 12_000")
    expect(store.cards).to_have_count(48)
    expect(strip).to_be_hidden()
