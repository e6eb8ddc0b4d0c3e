"""Pages that were opened before the buyer signed in or out in another tab."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from apps.ecommerce.models import ProductConfiguration, Purchase
from apps.users.models import User
from tests.e2e.pages.account import AccountMenu, SignIn
from tests.e2e.pages.hosted_checkout import HostedCheckout
from tests.e2e.pages.product import ProductPage
from tests.e2e.screens import on_phone
from tests.e2e.users import PASSWORD_OF_ADA, open_new_order
from tests.factories import LOCMEM, set_email_url

pytestmark = on_phone
OUT_OF_DATE = "This page was out of date. Please try again."


@pytest.fixture(autouse=True)
def _guests_can_buy(shop: None, settings: Any) -> None:
    settings.GUEST_CHECKOUT = True
    set_email_url(settings, LOCMEM)


def sign_in_in_another_tab(page: Page) -> None:
    tab = page.context.new_page()
    SignIn(tab).goto().submit("ada@example.com", PASSWORD_OF_ADA)
    expect(AccountMenu(tab).button).to_be_visible()
    tab.close()


def sign_out_in_another_tab(page: Page) -> None:
    tab = page.context.new_page()
    tab.goto("/accounts/")
    AccountMenu(tab).sign_out()
    expect(tab.get_by_role("link", name="Sign in").first).to_be_visible()
    tab.close()


def test_purchase_goes_on_after_signing_in_in_another_tab(
    page: Page, goods: ProductConfiguration, ada: User
) -> None:
    product = ProductPage(page).goto(goods.slug)
    sign_in_in_another_tab(page)
    product.buy_button.click()
    HostedCheckout(page).wait_until_ready()
    assert Purchase.objects.get().user == ada


def test_page_of_an_earlier_sign_in_says_to_press_again(
    page: Page, goods: ProductConfiguration, ada: User
) -> None:
    sign_in_in_another_tab(page)
    product = ProductPage(page).goto(goods.slug)
    sign_out_in_another_tab(page)
    sign_in_in_another_tab(page)
    product.buy_button.click()
    expect(product.messages).to_contain_text(OUT_OF_DATE)
    product.buy_button.click()
    HostedCheckout(page).wait_until_ready()


def test_order_page_asks_to_sign_in_and_is_shown_again(
    page: Page, club: ProductConfiguration, ada: User
) -> None:
    order = open_new_order(page, ada, club.slug)
    sign_out_in_another_tab(page)
    order.manage_button.click()
    expect(order.messages).to_contain_text("You are not signed in any more. Please sign in and try again.")
    SignIn(page).submit(ada.email, PASSWORD_OF_ADA)
    expect(page).to_have_url(re.compile(Purchase.objects.get().get_absolute_url()))
    expect(order.manage_button).to_be_visible()
