"""Buying without an account on a phone: with the mouse, the keyboard, and without JavaScript."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail
from playwright.sync_api import BrowserContext, Page, Route, expect

from apps.ecommerce.models import ProductConfiguration, Purchase
from apps.ecommerce.stripe_api.client import get_client
from apps.users.models import User
from tests.e2e.pages.hosted_checkout import HostedCheckout
from tests.e2e.pages.library import GatedPage
from tests.e2e.pages.product import ProductPage
from tests.e2e.pages.purchase import PurchasePage
from tests.e2e.screens import on_phone, without_javascript
from tests.e2e.users import sign_in
from tests.factories import LOCMEM, create_product, set_email_url, signed_in
from tests.guest_actions import emailed_link

pytestmark = on_phone

EMAIL = "gina@example.com"


@pytest.fixture(autouse=True)
def _guests_can_buy(shop: None, settings: Any) -> None:
    settings.GUEST_CHECKOUT = True
    set_email_url(settings, LOCMEM)


@pytest.fixture
def wallpaper(shop: None) -> ProductConfiguration:
    return create_product(get_client(), "Wallpaper", 0)


def fill_payment(page: Page) -> int:
    """Fill in the payment page of a buyer in Austria, and return the number of fields."""
    checkout = HostedCheckout(page)
    checkout.wait_until_ready()
    checkout.country.select_option("AT")  # Stripe's page chooses the country by IP address
    values = {
        checkout.email: EMAIL,
        checkout.card_number: "4242 4242 4242 4242",
        checkout.expiry: "12 / 34",
        checkout.cvc: "123",
        checkout.name: "Gina",
    }
    for field, value in values.items():
        field.fill(value)
    expect(checkout.postal_code).to_be_hidden()
    return len(values)


def test_three_clicks_and_five_fields_lead_to_the_goods(page: Page, goods: ProductConfiguration) -> None:
    ProductPage(page).goto(goods.slug).buy_button.click()
    assert fill_payment(page) == 5
    HostedCheckout(page).submit()
    purchase = PurchasePage(page)
    expect(purchase.in_state("paid")).to_be_visible()
    expect(purchase.main).to_contain_text(EMAIL)
    purchase.open_link.click()
    assert GatedPage(page).download().path().read_bytes() == b"icons"
    assert not User.objects.exists()


def test_guest_buys_by_keyboard(page: Page, goods: ProductConfiguration) -> None:
    product = ProductPage(page).goto(goods.slug)
    product.buy_button.focus()
    page.keyboard.press("Enter")
    fill_payment(page)
    page.keyboard.press("Enter")
    purchase = PurchasePage(page)
    expect(purchase.in_state("paid")).to_be_visible()
    purchase.wrong_address.focus()
    page.keyboard.press("Enter")
    purchase.correct_email.fill("right@example.com")
    page.keyboard.press("Enter")
    expect(page.get_by_text("We've sent the link to your order to right@example.com.")).to_be_visible()
    purchase.open_link.focus()
    page.keyboard.press("Enter")
    expect(GatedPage(page).heading).to_be_visible()


@without_javascript
def test_guest_buys_without_javascript(page: Page, goods: ProductConfiguration) -> None:
    ProductPage(page).goto(goods.slug).buy_button.click()
    fill_payment(page)
    HostedCheckout(page).submit()
    purchase = PurchasePage(page)
    expect(purchase.in_state("paid")).to_be_visible()
    purchase.correct_address("right@example.com")
    expect(purchase.main).to_contain_text("right@example.com")
    purchase.open_link.click()
    assert GatedPage(page).download().path().read_bytes() == b"icons"


@without_javascript
def test_link_needs_a_press_without_javascript(
    page: Page, goods: ProductConfiguration, new_context: Callable[..., BrowserContext]
) -> None:
    ProductPage(page).goto(goods.slug).buy_button.click()
    fill_payment(page)
    HostedCheckout(page).submit()
    expect(PurchasePage(page).in_state("paid")).to_be_visible()
    other_device = new_context().new_page()
    other_device.goto(emailed_link())
    other_device.get_by_role("button", name=f"Continue as {EMAIL}").click()
    expect(GatedPage(other_device).heading).to_be_visible()


def test_status_changes_live_while_the_payment_is_confirmed(
    page: Page, goods: ProductConfiguration, fast_polling: None
) -> None:
    from stripe_sandbox import switches

    switches.change(late_seconds=2)
    ProductPage(page).goto(goods.slug).buy_button.click()
    fill_payment(page)
    HostedCheckout(page).submit()
    purchase = PurchasePage(page)
    expect(purchase.in_state("confirming")).to_be_visible()
    expect(purchase.in_state("paid")).to_be_visible()


def test_tab_closed_after_paying_leaves_the_link_in_the_email(
    page: Page, goods: ProductConfiguration, new_context: Callable[..., BrowserContext]
) -> None:
    """The goods are reachable by e-mail within a minute, on another device, without a password."""
    page.route("**/store/checkout/return/**", lambda route: route.abort())
    ProductPage(page).goto(goods.slug).buy_button.click()
    fill_payment(page)
    HostedCheckout(page).submit()
    paid_at = time.monotonic()
    while not [message for message in mail.outbox if message.to == [EMAIL]]:
        assert time.monotonic() < paid_at + 60
        page.wait_for_timeout(100)
    other_device = new_context().new_page()
    other_device.goto(emailed_link())
    expect(GatedPage(other_device).download_link).to_be_visible()
    assert GatedPage(other_device).download().path().read_bytes() == b"icons"
    other_device.goto("/accounts/")
    expect(other_device.get_by_role("main")).to_contain_text(EMAIL)


def test_second_press_and_back_open_the_same_checkout(page: Page, goods: ProductConfiguration) -> None:
    product = ProductPage(page).goto(goods.slug)
    product.buy_button.dblclick()
    checkout = HostedCheckout(page)
    checkout.wait_until_ready()
    first = checkout.session_id
    page.go_back()
    product.buy_button.click()
    checkout.wait_until_ready()
    assert checkout.session_id == first
    assert Purchase.objects.count() == 1


def test_two_tabs_pay_once(page: Page, goods: ProductConfiguration) -> None:
    """Both tabs show the same payment page, which Stripe closes after the payment."""
    other = page.context.new_page()
    for tab in (page, other):
        ProductPage(tab).goto(goods.slug).buy_button.click()
        HostedCheckout(tab).wait_until_ready()
    fill_payment(page)
    HostedCheckout(page).submit()
    expect(PurchasePage(page).in_state("paid")).to_be_visible()
    other.reload()
    expect(HostedCheckout(other).submit_button).to_be_hidden()
    ProductPage(other).goto(goods.slug)
    expect(ProductPage(other).open_link).to_be_visible()
    assert Purchase.objects.get().payments.count() == 1


def test_slow_network_opens_one_checkout(page: Page, goods: ProductConfiguration) -> None:
    """The answer takes four seconds, and the buyer presses repeatedly."""

    def delay(route: Route) -> None:
        page.wait_for_timeout(4000)
        route.continue_()

    product = ProductPage(page).goto(goods.slug)
    product.buy_button.scroll_into_view_if_needed()
    box = product.buy_button.bounding_box()
    assert box
    page.route("**/buy/", delay)
    for _press in range(4):
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    HostedCheckout(page).wait_until_ready()
    assert Purchase.objects.count() == 1


def test_free_product_takes_one_click(page: Page, ada: User, wallpaper: ProductConfiguration) -> None:
    ProductPage(sign_in(page, ada)).goto(wallpaper.slug).buy_button.click()
    expect(GatedPage(page).heading).to_have_text("Wallpaper")
    assert Purchase.objects.get().status == "paid"


def test_visitor_enters_an_address_for_a_free_product(
    page: Page, wallpaper: ProductConfiguration, new_context: Callable[..., BrowserContext]
) -> None:
    product = ProductPage(page).goto(wallpaper.slug)
    expect(product.main).not_to_contain_text("card number")
    expect(product.main).not_to_contain_text("money-back")
    product.main.get_by_label("E-mail").fill(EMAIL)
    product.buy_button.click()
    expect(page.get_by_role("heading", name="Check your e-mail")).to_be_visible()
    phone = new_context().new_page()
    phone.goto(emailed_link())
    expect(GatedPage(phone).heading).to_have_text("Wallpaper")


def test_purchases_are_found_by_address(
    page: Page, goods: ProductConfiguration, new_context: Callable[..., BrowserContext]
) -> None:
    ProductPage(page).goto(goods.slug).buy_button.click()
    fill_payment(page)
    HostedCheckout(page).submit()
    expect(PurchasePage(page).in_state("paid")).to_be_visible()
    later = new_context().new_page()
    later.goto("/accounts/login/")
    later.get_by_role("link", name="Find my purchases").click()
    later.get_by_label("E-mail").fill(EMAIL)
    later.get_by_role("button", name="Send me a link").click()
    expect(later.get_by_role("heading", name="Check your e-mail")).to_be_visible()
    later.goto(emailed_link())
    expect(GatedPage(later).heading).to_be_visible()


def test_link_asks_before_it_changes_the_account(
    page: Page, ada: User, goods: ProductConfiguration, new_context: Callable[..., BrowserContext]
) -> None:
    ProductPage(page).goto(goods.slug).buy_button.click()
    fill_payment(page)
    HostedCheckout(page).submit()
    expect(PurchasePage(page).in_state("paid")).to_be_visible()
    as_ada = sign_in(new_context().new_page(), ada)
    as_ada.goto(emailed_link())
    expect(as_ada.get_by_role("main")).to_contain_text("You are signed in as ada@example.com")
    as_ada.get_by_role("button", name=f"Continue as {EMAIL}").click()
    expect(GatedPage(as_ada).heading).to_be_visible()
    assert Purchase.objects.get().user == User.objects.get(email=EMAIL)
    assert signed_in(ada).get("/purchases/").status_code == 200


def test_buying_in_two_tabs_at_the_same_time_opens_both_orders(
    page: Page, goods: ProductConfiguration
) -> None:
    """Each response starts a session, and the browser keeps one. Both orders can be opened."""
    held: list[Route] = []

    def send_both_at_once(route: Route) -> None:
        held.append(route)
        if len(held) == 2:
            for each in held:
                each.continue_()

    other_tab = page.context.new_page()
    for tab, slug in ((page, goods.slug), (other_tab, "workshop")):
        tab.route("**/buy/", send_both_at_once)
        ProductPage(tab).goto(slug).buy_button.click(no_wait_after=True)
    for tab in (page, other_tab):
        expect(tab).to_have_url(re.compile("/stripe-sandbox/"))
    for tab in (page, other_tab):
        tab.reload()  # the sandbox's forms have tokens, whose cookie the other tab has replaced
        fill_payment(tab)
        HostedCheckout(tab).submit()
        expect(PurchasePage(tab).open_link).to_be_visible()
    assert Purchase.objects.count() == 2
    for purchase in Purchase.objects.all():
        page.goto(purchase.get_absolute_url())
        expect(PurchasePage(page).main).to_contain_text(purchase.order_number)
        expect(PurchasePage(page).open_link).to_be_visible()
