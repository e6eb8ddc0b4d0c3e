"""Buying, from sign-up to download, with each kind of price."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from apps.ecommerce.models import ProductConfiguration, Purchase
from apps.users.models import User
from tests.e2e.journeys import buy, go_to_checkout
from tests.e2e.pages.account import SignIn, SignUp
from tests.e2e.pages.hosted_checkout import HostedCheckout
from tests.e2e.pages.library import GatedPage, Library
from tests.e2e.pages.product import ProductPage
from tests.e2e.pages.purchase import PurchasePage
from tests.e2e.pages.store import Store
from tests.e2e.screens import both_screens, on_phone
from tests.e2e.users import NEW_PASSWORD, PASSWORD_OF_ADA, sign_in


@both_screens
@pytest.mark.stripe
def test_sign_up_buy_open_and_download(page: Page, goods: ProductConfiguration) -> None:
    sign_up, checkout, purchase = SignUp(page), HostedCheckout(page), PurchasePage(page)

    sign_up.goto()
    sign_up.submit("grace@example.com", NEW_PASSWORD)
    Store(page).goto().open(goods.product.name)
    ProductPage(page).buy()
    checkout.pay()

    expect(purchase.in_state("paid")).to_be_visible()
    expect(purchase.main).to_contain_text("grace@example.com")
    purchase.open()

    gated = GatedPage(page)
    expect(gated.heading).to_have_text(goods.product.name)
    expect(page.get_by_text("Use them anywhere.")).to_be_visible()
    download = gated.download()
    assert download.suggested_filename.endswith(".zip")
    assert download.path().read_bytes() == b"icons"

    card = Library(page).goto().card(goods.product.name)
    card.locator(f"a[href='{Purchase.objects.get().get_absolute_url()}']").click()
    expect(purchase.in_state("paid")).to_be_visible()
    Store(page).goto()
    expect(Store(page).owned_badge(goods.product.name)).to_be_visible()
    expect(ProductPage(page).goto(goods.slug).open_link).to_be_visible()


@on_phone
def test_visitor_who_signs_up_continues_to_checkout_with_the_same_price(page: Page, shop: None) -> None:
    product = ProductPage(page).goto("launch-pages")
    product.choose("Studio")
    product.buy()

    sign_up = SignUp(page)
    expect(sign_up.heading).to_have_text("Create your account")
    sign_up.submit("grace@example.com", NEW_PASSWORD)

    checkout = HostedCheckout(page)
    checkout.wait_until_ready()
    expect(checkout.summary).to_contain_text("$99.00")
    checkout.pay()
    expect(PurchasePage(page).in_state("paid")).to_be_visible()
    assert Purchase.objects.get().amount_total == 9900


def test_visitor_who_signs_in_continues_to_checkout_with_the_same_price(page: Page, ada: User) -> None:
    product = ProductPage(page).goto("launch-pages")
    product.choose("Product")
    product.buy()
    SignUp(page).sign_in_button.click()
    SignIn(page).submit(ada.email, PASSWORD_OF_ADA)

    checkout = HostedCheckout(page)
    checkout.wait_until_ready()
    expect(checkout.summary).to_contain_text("$199.00")


def test_double_click_opens_one_checkout(page: Page, ada: User, goods: ProductConfiguration) -> None:
    product = ProductPage(sign_in(page, ada)).goto(goods.slug)
    product.buy_button.dblclick()
    HostedCheckout(page).wait_until_ready()
    assert Purchase.objects.count() == 1


@pytest.mark.stripe
def test_two_tabs_share_one_checkout_and_pay_once(page: Page, ada: User, goods: ProductConfiguration) -> None:
    sign_in(page, ada)
    first = go_to_checkout(page, goods.slug)
    second = go_to_checkout(page.context.new_page(), goods.slug)
    assert first.session_id == second.session_id

    first.pay()
    expect(PurchasePage(page).in_state("paid")).to_be_visible()
    again = ProductPage(second.page).goto(goods.slug)
    expect(again.open_link).to_be_visible()
    assert Purchase.objects.count() == 1


def test_buying_works_with_the_sandbox_over_http(
    page: Page, ada: User, goods: ProductConfiguration, settings: Any
) -> None:
    """The SDK's own transport is used, as with Stripe, but with another URL."""
    settings.STRIPE_HTTP_CLIENT = ""
    settings.STRIPE_API_BASE = f"{settings.SITE_URL}/stripe-sandbox"
    expect(buy(sign_in(page, ada), goods.slug).in_state("paid")).to_be_visible()


def test_yen_prices_have_no_decimals(page: Page, ada: User) -> None:
    checkout = go_to_checkout(sign_in(page, ada), "tsumiki")
    expect(checkout.summary).to_contain_text("¥4,800")
    checkout.pay()
    purchase = PurchasePage(page)
    expect(purchase.in_state("paid")).to_be_visible()
    expect(purchase.main).to_contain_text("¥4,800")
    expect(purchase.main).not_to_contain_text("4,800.00")


def test_free_product_needs_no_payment_page(page: Page, ada: User) -> None:
    ProductPage(sign_in(page, ada)).goto("seven-palettes").buy_button.click()
    expect(page.get_by_role("heading", name="Seven Palettes")).to_be_visible()
    page.get_by_role("link", name="Order and receipt").click()
    expect(PurchasePage(page).in_state("free")).to_be_visible()


@on_phone
def test_yearly_membership_can_be_bought(page: Page, ada: User) -> None:
    product = ProductPage(sign_in(page, ada)).goto("workshop")
    product.choose("Yearly")
    product.buy()
    checkout = HostedCheckout(page)
    checkout.wait_until_ready()
    expect(checkout.summary).to_contain_text("$90.00")
    checkout.pay()
    purchase = PurchasePage(page)
    expect(purchase.in_state("active")).to_be_visible()
    purchase.open()
    expect(GatedPage(page).heading).to_have_text("The Workshop")


def test_free_trial_can_be_started(page: Page, ada: User) -> None:
    purchase = buy(sign_in(page, ada), "sunday-letter")
    expect(purchase.in_state("trialing")).to_be_visible()
    expect(purchase.main).to_contain_text("$5")
    purchase.open()
    expect(GatedPage(page).heading).to_have_text("The Sunday Letter")
