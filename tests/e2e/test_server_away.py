"""The network is gone, or the server is: the page says so once, kindly, and is right again by itself."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from apps.ecommerce.models import ProductConfiguration, Purchase
from apps.users.models import User
from stripe_sandbox import switches
from tests.e2e import meanwhile
from tests.e2e.cast import sign_in
from tests.e2e.journeys import buy
from tests.e2e.pages.store import Store
from tests.factories import many

pytestmark = pytest.mark.usefixtures("attentive")

AWAY = "We can't reach the shop right now. What you see may be old; we keep trying."


@pytest.fixture
def page(browser: Browser, browser_context_args: dict[str, Any], shop: None) -> Iterator[Page]:
    """One whose failed requests are no complaint: they are what the test is about."""
    context = browser.new_context(**browser_context_args)
    yield context.new_page()
    context.close()


def closed(route: Route) -> None:
    route.fulfill(status=503, body="Down for a moment")


def test_while_the_buyer_waits(page: Page, ada: User, goods: ProductConfiguration) -> None:
    switches.change(late_seconds=4)
    purchase = buy(sign_in(page, ada), goods.slug)
    expect(purchase.heading).to_have_text("Confirming your payment")
    strip, announcer = page.get_by_text(AWAY).first, page.locator("#announcer")
    page.context.set_offline(True)
    expect(strip).to_be_visible()
    expect(announcer).to_have_text(AWAY)
    page.evaluate("document.getElementById('announcer').textContent = ''")
    expect(purchase.heading).to_have_text("Confirming your payment")  # and never that it failed
    page.context.set_offline(False)
    expect(purchase.heading).to_have_text("Paid. It is yours.")
    expect(strip).to_be_hidden()
    expect(announcer).to_have_text("Paid. It is yours.")

    # Settled, and the server stops answering for longer: one sentence, however often it is tried.
    asked: list[str] = []
    page.route("**/purchases/changes/*", lambda route: (asked.append(route.request.url), closed(route)))
    expect(strip).to_be_visible()
    expect(announcer).to_have_text(AWAY)
    page.evaluate("document.getElementById('announcer').textContent = ''")
    meanwhile.refund(Purchase.objects.get())
    while len(asked) < 2:
        page.wait_for_event("response", lambda response: response.status == 503)
    expect(strip).to_be_visible()
    expect(announcer).to_be_empty()
    assert len(asked) < 4  # not every second any more
    page.unroute_all()
    expect(purchase.heading).to_have_text("Refunded", timeout=20_000)
    expect(strip).to_be_hidden()


def test_while_a_shopper_looks_and_scrolls(page: Page) -> None:
    many(60)
    store, strip = Store(page).goto("?sort=newest"), page.get_by_text(AWAY).first
    page.route(re.compile(r"/store/\?"), closed)
    store.search.fill("letter")
    expect(strip).to_be_visible()
    expect(store.cards).to_have_count(24)  # what was there is still there
    page.unroute_all()
    expect(store.cards).to_have_count(1)
    expect(strip).to_be_hidden()
    expect(page).to_have_url(re.compile(r"\?q=letter&sort=newest$"))

    store.goto("?sort=newest")
    page.route(re.compile(r"page=2"), lambda route: None)  # no answer at all
    assert page.evaluate("htmx.config.timeout") == 12_000
    page.evaluate("htmx.config.timeout = 500")
    page.mouse.move(100, 500)
    page.mouse.wheel(0, 6000)
    expect(strip).to_be_visible()
    page.unroute_all()
    page.evaluate("htmx.config.timeout = 12_000")
    expect(store.cards).to_have_count(48)
    expect(strip).to_be_hidden()
