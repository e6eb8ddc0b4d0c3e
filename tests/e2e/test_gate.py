"""Access to gated pages: buyers get in, other users see why not and where to buy."""

import re
from collections.abc import Callable

from playwright.sync_api import BrowserContext, Page, expect

from apps.ecommerce.models import ProductConfiguration, Purchase
from apps.users.models import User
from tests.e2e.pages.account import SignIn
from tests.e2e.pages.hosted_checkout import HostedCheckout
from tests.e2e.pages.library import GatedPage, Library
from tests.e2e.pages.product import ProductPage
from tests.e2e.pages.store import Store
from tests.e2e.screens import on_phone
from tests.e2e.users import PASSWORD_OF_ADA, buy_without_browser, sign_in


def test_other_user_cannot_open_what_a_buyer_bought(
    page: Page, ada: User, bob: User, goods: ProductConfiguration
) -> None:
    purchase = buy_without_browser(ada, goods.slug)
    page_of_bob = sign_in(page, bob)

    for url in (f"/purchases/{goods.slug}/", f"/purchases/{goods.slug}/download/"):
        page_of_bob.goto(url)
        expect(Store(page_of_bob).messages).to_contain_text(goods.product.name)
        assert page_of_bob.url.endswith(f"/store/?product={goods.slug}")
        expect(Store(page_of_bob).cards.first).to_contain_text(goods.product.name)

    order = purchase.get_absolute_url()
    for url in (order, f"{order}status/"):
        response = page_of_bob.goto(url)
        assert response
        assert response.status == 404
        expect(page_of_bob.get_by_role("main")).not_to_contain_text(goods.product.name)
    page_of_bob.goto(f"/store/checkout/return/?session_id={purchase.session_id}")
    expect(Store(page_of_bob).messages).to_contain_text("does not belong to bob@example.com")

    expect(Library(page_of_bob).goto().cards).to_have_count(0)


def test_gated_pages_require_signing_in_and_open_afterwards(
    page: Page, ada: User, goods: ProductConfiguration
) -> None:
    for url in ("/purchases/", f"/purchases/{goods.slug}/download/", f"/purchases/{goods.slug}/"):
        page.goto(url)
        expect(page).to_have_url(re.compile("/accounts/login/"))
    SignIn(page).submit(ada.email, PASSWORD_OF_ADA)
    expect(Store(page).messages).to_contain_text(goods.product.name)  # ada has not bought it


@on_phone
def test_buyer_continues_to_the_gated_page_after_paying(
    page: Page, ada: User, goods: ProductConfiguration
) -> None:
    GatedPage(sign_in(page, ada)).goto(goods.slug)
    Store(page).open(goods.product.name)
    ProductPage(page).buy()
    HostedCheckout(page).pay()
    expect(GatedPage(page).heading).to_have_text(goods.product.name)
    expect(page.get_by_text("Use them anywhere.")).to_be_visible()


def test_product_off_sale_stays_open_for_its_owner(
    page: Page,
    new_context: Callable[..., BrowserContext],
    ada: User,
    olive: User,
    goods: ProductConfiguration,
) -> None:
    sign_in(page, ada)
    buy_without_browser(ada, goods.slug)

    admin = sign_in(new_context().new_page(), olive)
    admin.goto(f"/admin/ecommerce/productconfiguration/{goods.pk}/settings/")
    admin.get_by_label("Status").select_option("hidden")
    admin.get_by_role("button", name="Save", exact=True).click()
    admin.get_by_text("was changed successfully").wait_for()

    visitor = new_context().new_page()
    expect(Store(visitor).goto().card(goods.product.name)).to_have_count(0)
    expect(ProductPage(visitor).goto(goods.slug).buy_button).to_be_hidden()

    GatedPage(page).goto(goods.slug)
    expect(GatedPage(page).heading).to_have_text(goods.product.name)
    assert GatedPage(page).download().path().read_bytes() == b"icons"


def test_product_taken_off_sale_cannot_be_bought_from_an_open_page(
    page: Page, ada: User, goods: ProductConfiguration
) -> None:
    product = ProductPage(sign_in(page, ada)).goto(goods.slug)
    ProductConfiguration.objects.update(status="hidden")
    product.buy()
    expect(product.messages).to_contain_text(goods.product.name)
    assert not Purchase.objects.exists()
