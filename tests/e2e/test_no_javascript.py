"""Everything a buyer needs works without JavaScript."""

from playwright.sync_api import Page, expect

from apps.ecommerce.models import ProductConfiguration
from apps.users.models import User
from stripe_sandbox import switches
from tests.e2e.journeys import buy, go_to_checkout
from tests.e2e.pages.account import SignUp
from tests.e2e.pages.hosted_checkout import THREE_D_SECURE, VISA, HostedCheckout
from tests.e2e.pages.library import GatedPage
from tests.e2e.pages.product import ProductPage
from tests.e2e.pages.purchase import PurchasePage
from tests.e2e.screens import on_phone, without_javascript
from tests.e2e.users import NEW_PASSWORD, sign_in

pytestmark = without_javascript


@on_phone
def test_sign_up_buy_open_and_download(page: Page, goods: ProductConfiguration) -> None:
    ProductPage(page).goto(goods.slug).buy()
    SignUp(page).submit("grace@example.com", NEW_PASSWORD)
    HostedCheckout(page).pay()
    purchase = PurchasePage(page)
    expect(purchase.in_state("paid")).to_be_visible()
    purchase.open()
    assert GatedPage(page).download().path().read_bytes() == b"icons"


def test_late_payment_shows_by_meta_refresh(page: Page, ada: User, goods: ProductConfiguration) -> None:
    switches.change(late_seconds=2)
    purchase = buy(sign_in(page, ada), goods.slug)
    expect(purchase.in_state("confirming")).to_be_visible()
    expect(purchase.in_state("paid")).to_be_visible()


def test_declined_card_then_3d_secure(page: Page, ada: User, goods: ProductConfiguration) -> None:
    checkout = go_to_checkout(sign_in(page, ada), goods.slug)
    checkout.pay("4000 0000 0000 0002")
    expect(checkout.errors.first).to_contain_text("Your card has been declined.")
    checkout.pay(THREE_D_SECURE)
    checkout.fail_challenge()
    expect(checkout.errors.first).to_contain_text("unable to authenticate")
    checkout.pay(THREE_D_SECURE)
    checkout.complete_challenge()
    expect(PurchasePage(page).in_state("paid")).to_be_visible()


def test_hosted_page_links_back_to_the_shop(page: Page, ada: User, goods: ProductConfiguration) -> None:
    go_to_checkout(sign_in(page, ada), goods.slug).back_link.click()
    purchase = PurchasePage(page)
    expect(purchase.in_state("canceled_by_buyer")).to_be_visible()
    purchase.pay_button.click()
    HostedCheckout(page).pay(VISA)
    expect(purchase.in_state("paid")).to_be_visible()
