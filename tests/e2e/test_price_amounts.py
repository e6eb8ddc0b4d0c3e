"""Pay what you want, and prices in several currencies. The order and the receipt show what was paid."""

import re

from playwright.sync_api import Page, expect

from apps.ecommerce.models import ProductConfiguration
from apps.users.models import User
from tests.e2e import stripe_changes
from tests.e2e.journeys import RETURN
from tests.e2e.pages.hosted_checkout import HostedCheckout
from tests.e2e.pages.product import ProductPage
from tests.e2e.pages.purchase import PurchasePage, ReceiptPage
from tests.e2e.screens import on_phone, without_javascript
from tests.e2e.users import sign_in


@on_phone
def test_buyer_chooses_what_to_pay(page: Page, ada: User) -> None:
    slug = stripe_changes.create_custom_product("Zine", minimum=500, preset=1000)
    product = ProductPage(sign_in(page, ada)).goto(slug)
    expect(product.main).to_contain_text("From $5. Suggested: $10.")
    product.buy()
    checkout = HostedCheckout(page)
    checkout.wait_until_ready()
    checkout.amount.fill("12.50")
    checkout.pay()
    page.wait_for_url(RETURN)
    _expect_paid(page, "$12.50")


@on_phone
@without_javascript
def test_buyer_pays_in_another_currency(page: Page, ada: User, goods: ProductConfiguration) -> None:
    stripe_changes.add_currency(goods.slug, "jpy", 4200)
    product = ProductPage(sign_in(page, ada)).goto(goods.slug)
    expect(product.price.get_by_text("$")).to_be_visible()
    product.choose("JPY")
    for place in (product.price, page.locator(".buy-bar")):
        expect(place.get_by_text("¥4,200")).to_be_visible()
        expect(place.get_by_text("$")).to_be_hidden()
    product.buy()
    checkout = HostedCheckout(page)
    checkout.wait_until_ready()
    expect(checkout.summary).to_contain_text("¥4,200")
    checkout.pay()
    page.wait_for_url(RETURN)
    _expect_paid(page, "¥4,200")


def _expect_paid(page: Page, amount: str) -> None:
    order = PurchasePage(page)
    expect(order.in_state("paid")).to_be_visible()
    expect(order.fact("Total")).to_have_text(amount)
    order.receipt_links.first.click()
    expect(ReceiptPage(page).sheet).to_contain_text(re.compile(rf"Total\s*{re.escape(amount)}"))
