"""From the store to the download by keyboard."""

from playwright.sync_api import Page, expect

from apps.ecommerce.models import ProductConfiguration
from tests.e2e.keyboard import enter, press, tab_to
from tests.e2e.pages.hosted_checkout import HostedCheckout
from tests.e2e.pages.library import GatedPage
from tests.e2e.pages.product import ProductPage
from tests.e2e.pages.purchase import PurchasePage
from tests.e2e.pages.store import Store
from tests.e2e.users import NEW_PASSWORD


def test_visitor_buys_and_downloads_by_keyboard(page: Page, goods: ProductConfiguration) -> None:
    store, checkout, gated = Store(page).goto(), HostedCheckout(page), GatedPage(page)
    page.keyboard.press("Tab")
    expect(page.locator(".skip-link")).to_be_focused()
    page.keyboard.press("Enter")
    enter(page, store.search, "tiny")
    expect(store.cards).to_have_count(1)
    expect(store.announcer).to_have_text("1 product")
    press(page, store.cards.get_by_role("link"))
    press(page, ProductPage(page).buy_button)

    enter(page, page.locator("[name=email]"), "grace@example.com")
    enter(page, page.locator("[name=password1]"), NEW_PASSWORD)
    page.keyboard.press("Enter")

    checkout.wait_until_ready()
    enter(page, checkout.card_number, "4242424242424242")
    enter(page, checkout.expiry, "1234")
    enter(page, checkout.cvc, "123")
    enter(page, checkout.name, "Grace Hopper")
    tab_to(page, checkout.country)
    page.keyboard.type("United Kingdom")
    enter(page, checkout.postal_code, "SW1A 1AA")
    press(page, checkout.submit_button)

    expect(PurchasePage(page).in_state("paid")).to_be_visible()
    press(page, PurchasePage(page).open_link)
    expect(gated.heading).to_have_text(goods.product.name)
    tab_to(page, gated.download_link)
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert download.value.path().read_bytes() == b"icons"
