"""A purchase's change shows on every open page without disturbing the rest of the page."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from apps.ecommerce.models import ProductConfiguration, Purchase, Suspension
from apps.users.models import User
from tests.e2e import stripe_changes
from tests.e2e.journeys import buy
from tests.e2e.pages.account import AccountMenu
from tests.e2e.pages.library import GatedPage, Library
from tests.e2e.pages.product import ProductPage
from tests.e2e.pages.purchase import MANAGE_BUTTON, PurchasePage
from tests.e2e.pages.store import Store
from tests.e2e.users import sign_in
from tests.factories import buy as buy_by_request
from tests.factories import pay, press_buy, signed_in, url_path

pytestmark = pytest.mark.usefixtures("fast_polling")

DISPUTED_LATER = "4000000000000259"


def new_tab(page: Page) -> Page:
    return page.context.new_page()


def other_order(library: Library, product: str) -> Locator:
    return library.page.get_by_role("listitem").filter(has_text=product)


def version(page: Page) -> str:
    """Return the version of the purchases that the page shows."""
    return page.locator("#live").get_attribute("data-live") or ""


def test_payment_and_refund_show_on_each_open_page(
    page: Page, ada: User, goods: ProductConfiguration
) -> None:
    name = goods.product.name
    store, product = Store(sign_in(page, ada)).goto(), ProductPage(new_tab(page)).goto(goods.slug)
    library, home = Library(new_tab(page)).goto(), new_tab(page)
    home.goto("/")
    home_card = home.get_by_role("article").filter(has=home.get_by_role("link", name=name))
    expect(store.card(name)).to_contain_text("$29")
    expect(library.page.locator(".empty")).to_be_visible()
    choosing = ProductPage(new_tab(page)).goto("launch-pages")
    choosing.choose("Studio")
    choosing.buy_button.focus()
    before = version(choosing.page)
    for each in (store.page, product.page, library.page, home):
        each.evaluate("window.neverReloaded = true")

    paid = buy(new_tab(page), goods.slug)
    expect(store.owned_badge(name)).to_be_visible()
    expect(store.announcer).to_have_text(f"{name}: {store.owned_badge(name).inner_text()}")
    expect(product.open_link).to_be_visible()
    expect(product.buy_button).to_be_hidden()
    expect(library.card(name)).to_be_visible()
    expect(home_card.locator("[data-state=owned]")).to_be_visible()

    # Only the changed part is replaced: the selected price and the focus stay.
    expect(choosing.page.locator("#live")).not_to_have_attribute("data-live", before)
    expect(choosing.page.get_by_role("radio", name="Studio")).to_be_checked()
    expect(choosing.buy_button).to_be_focused()

    store.open(name)
    gated = GatedPage(store.page)
    expect(gated.heading).to_have_text(name)

    stripe_changes.refund(Purchase.objects.get())
    expect(PurchasePage(gated.page).in_state("refunded")).to_be_visible()
    expect(paid.in_state("refunded")).to_be_visible()
    expect(paid.page.locator("#announcer")).to_have_text(paid.heading.inner_text())
    expect(product.buy_button).to_be_visible()
    expect(library.card(name)).to_have_count(0)
    expect(other_order(library, name)).to_contain_text("Refunded")
    expect(library.page.locator("#announcer")).to_have_text(f"{name}: refunded")
    expect(home_card).to_contain_text("$29")
    for each in (product.page, library.page, home):
        assert each.evaluate("window.neverReloaded")


def test_suspension_renewal_and_failed_payment_show_on_two_open_pages(
    page: Page, ada: User, goods: ProductConfiguration
) -> None:
    other_browser = signed_in(ada)  # the buyer pays in another browser
    renewed = buy_by_request(other_browser, ProductConfiguration.objects.get(slug="workshop"))
    gated, library = GatedPage(sign_in(page, ada)).goto("workshop"), Library(new_tab(page)).goto()
    membership = library.card("The Workshop")
    before = membership.inner_text()
    stripe_changes.renew(renewed)
    expect(membership).not_to_have_text(before)  # a renewal on another date
    stripe_changes.renew(renewed, fails=True)
    expect(membership.locator(".badge--bad")).to_be_visible()
    expect(gated.page.locator(f".message--error {MANAGE_BUTTON}")).to_be_visible()

    name = goods.product.name
    other_browser.get(url_path(pay(press_buy(other_browser, goods), DISPUTED_LATER)))
    disputed = Purchase.objects.get(product=goods.product)
    store = Store(page).goto()
    expect(store.owned_badge(name)).to_be_visible()
    expect(library.card(name)).to_be_visible()
    stripe_changes.open_dispute(disputed)
    expect(store.card(name)).to_contain_text("$29")
    expect(other_order(library, name)).to_contain_text(str(Suspension.DISPUTED.label), ignore_case=True)
    stripe_changes.win_dispute(disputed)
    expect(store.owned_badge(name)).to_be_visible()
    expect(library.card(name)).to_be_visible()


def test_hidden_tab_does_not_poll_and_updates_when_visible(
    page: Page, ada: User, goods: ProductConfiguration
) -> None:
    hidden, seen = Store(sign_in(page, ada)).goto(), Store(new_tab(page)).goto()
    page.evaluate("Object.defineProperty(document, 'hidden', { value: true, configurable: true })")
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    buy_by_request(signed_in(ada), goods)
    expect(seen.owned_badge(goods.product.name)).to_be_visible()
    assert requests == []
    expect(hidden.card(goods.product.name)).to_contain_text("$29")
    page.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
    expect(hidden.owned_badge(goods.product.name)).to_be_visible()


def test_sign_out_in_another_tab_shows_a_message(page: Page, ada: User, goods: ProductConfiguration) -> None:
    store, other = Store(sign_in(page, ada)).goto("?type=one_time"), new_tab(page)
    other.goto("/terms/")
    AccountMenu(other).sign_out()
    strip = page.locator("#signed-out")
    expect(strip).to_be_visible()
    expect(store.announcer).to_contain_text("You have been signed out.")
    expect(page.locator("[name=password]")).to_have_count(0)
    strip.get_by_role("link", name="Sign in again").click()
    expect(page).to_have_url(re.compile(r"/accounts/login/\?next=%2Fstore%2F%3Ftype%3Done_time$"))
