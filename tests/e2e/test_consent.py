"""Consent before the payment, the form to withdraw, and what helps to find products."""

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from apps.ecommerce.models import Consent, ProductConfiguration, Purchase, Withdrawal
from apps.users.models import User
from tests.e2e.inspect_page import problems
from tests.e2e.keyboard import enter, press, tab_to
from tests.e2e.pages.account import SignUp
from tests.e2e.pages.hosted_checkout import HostedCheckout
from tests.e2e.pages.product import ProductPage
from tests.e2e.pages.purchase import PurchasePage
from tests.e2e.pages.store import Store
from tests.e2e.screens import on_phone, without_javascript
from tests.e2e.users import NEW_PASSWORD, buy_without_browser, sign_in


@pytest.fixture(autouse=True)
def law_asks(settings: Any) -> None:
    settings.CHECKOUT_CONSENT = ["terms", "withdrawal"]
    settings.TERMS_VERSION = "2026-06"
    settings.WITHDRAWAL_FORM = True


def boxes(page: Page) -> Locator:
    return page.get_by_role("main").get_by_role("checkbox")


def link_to_form(page: Page) -> Locator:
    return page.get_by_role("contentinfo").get_by_role("link", name="Withdraw from contract here")


@on_phone
@without_javascript
def test_visitor_agrees_and_buys_without_javascript(page: Page, goods: ProductConfiguration) -> None:
    product = ProductPage(page).goto(goods.slug)
    product.buy()
    expect(boxes(page).first).to_be_focused()  # the browser asks to tick it
    assert not Purchase.objects.exists()
    for box in boxes(page).all():
        expect(box).not_to_be_checked()
        box.check()
    product.buy()
    SignUp(page).submit("grace@example.com", NEW_PASSWORD)
    HostedCheckout(page).pay()
    expect(PurchasePage(page).in_state("paid")).to_be_visible()
    expect(page.get_by_role("heading", name="What you agreed to")).to_be_visible()
    expect(page.get_by_text("I accept the terms of sale.")).to_be_visible()
    assert Consent.objects.filter(purchase=Purchase.objects.get()).count() == 2


def test_buyer_agrees_by_keyboard(page: Page, ada: User, goods: ProductConfiguration) -> None:
    ProductPage(sign_in(page, ada)).goto("workshop")  # the workshop is a subscription
    for box in boxes(page).all():
        tab_to(page, box)
        page.keyboard.press("Space")
    press(page, ProductPage(page).buy_button)
    HostedCheckout(page).wait_until_ready()
    assert Consent.objects.count() == 2


@on_phone
def test_subscriber_agrees_before_the_plan_is_changed(
    page: Page, ada: User, goods: ProductConfiguration, settings: Any
) -> None:
    settings.CHECKOUT_CONSENT = []
    purchase = buy_without_browser(ada, "workshop")
    settings.CHECKOUT_CONSENT = ["terms", "withdrawal"]
    order = PurchasePage(sign_in(page, ada)).goto(purchase)
    order.change_plan("Yearly")
    expect(boxes(page).first).to_be_focused()  # the browser asks to tick it
    for box in boxes(page).all():
        expect(box).not_to_be_checked()
        box.check()
    assert not problems(page)
    order.main.get_by_role("button", name="Switch Yearly").click()
    expect(page).to_have_url(re.compile("/stripe-sandbox/"))
    assert purchase.consents.count() == 2


def test_removed_box_is_asked_again(page: Page, ada: User, goods: ProductConfiguration) -> None:
    product = ProductPage(sign_in(page, ada)).goto(goods.slug)
    page.locator(".consents").evaluate("element => element.remove()")
    product.buy()
    expect(product.messages).to_contain_text("Please accept the terms of sale before you buy.")
    expect(boxes(page)).to_have_count(2)
    assert not Purchase.objects.exists()


@on_phone
@without_javascript
def test_guest_withdraws_without_javascript(page: Page, goods: ProductConfiguration) -> None:
    page.goto("/")
    link_to_form(page).click()
    page.get_by_label("Name").fill("Grace Hopper")
    page.get_by_label("Order number").fill("Tiny Tools, on Monday")
    page.get_by_label("E-mail").fill("grace@example.com")
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Change").click()
    page.get_by_label("Order number").fill("Tiny Tools, on Tuesday")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("main")).to_contain_text("Tiny Tools, on Tuesday")
    assert not Withdrawal.objects.exists()
    page.get_by_role("button", name="Confirm withdrawal").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("We have received your withdrawal")
    row = Withdrawal.objects.get()
    assert (row.name, row.contract, row.confirmation) == ("Grace Hopper", "Tiny Tools, on Tuesday", "sent")


def test_guest_withdraws_by_keyboard(page: Page, goods: ProductConfiguration) -> None:
    page.goto("/withdraw/")
    enter(page, page.get_by_label("Name"), "Grace Hopper")
    enter(page, page.get_by_label("Order number"), "Tiny Tools")
    enter(page, page.get_by_label("E-mail"), "grace@example.com")
    page.keyboard.press("Enter")
    press(page, page.get_by_role("button", name="Confirm withdrawal"))
    expect(page.get_by_role("heading", level=1)).to_have_text("We have received your withdrawal")


@on_phone
def test_search_forgives_a_typo(page: Page, goods: ProductConfiguration) -> None:
    store = Store(page).goto()
    store.search.fill("tniy")
    expect(page.get_by_text("Showing results for “tiny”.")).to_be_visible()
    expect(store.cards).to_have_count(1)
    page.get_by_role("link", name="Search for “tniy” instead").click()
    expect(store.empty).to_contain_text("No results for “tniy”")


@pytest.mark.parametrize("language", ["en", "de"])
def test_pages_have_no_problems(
    page: Page, ada: User, goods: ProductConfiguration, settings: Any, language: str
) -> None:
    cookie = {"name": settings.LANGUAGE_COOKIE_NAME, "value": language, "url": settings.SITE_URL}
    page.context.add_cookies([cookie])  # type: ignore[list-item]
    found, frames = [], set[str]()
    settings.CHECKOUT_CONSENT = []
    purchase = buy_without_browser(ada, goods.slug)
    settings.CHECKOUT_CONSENT = ["terms", "withdrawal"]
    for kind in settings.CHECKOUT_CONSENT:
        text = "I agree, and I know what it means. " * 4
        Consent.objects.create(
            purchase=purchase, kind=kind, text=text, language="en", given_at=purchase.created_at
        )
    paths = [f"/store/{goods.slug}/", "/store/workshop/", "/withdraw/", "/store/?q=tniy", "/terms/"]
    for path in paths:
        page.goto(path)
        found += problems(page, path, frames)
    page.goto("/withdraw/")
    page.locator("[name=email]").fill("grace@example.com")
    page.locator("main form").evaluate("form => { form.noValidate = true; form.requestSubmit(); }")
    expect(page.locator(".field__error").first).to_be_visible()
    found += problems(page, "withdraw with errors", frames)
    page.locator("[name=name]").fill("Grace Hopper")
    page.locator("[name=contract]").fill("W-7K3F-92QM")
    for name in ("confirm", "received"):
        page.locator("main form [type=submit]").first.click()
        page.wait_for_load_state()
        found += problems(page, name, frames)
    sign_in(page, ada)
    wanted = ProductConfiguration.objects.get(slug="workshop")
    for path in (purchase.get_absolute_url(), "/purchases/", f"/store/?product={wanted.slug}"):
        page.goto(path)
        found += problems(page, path, frames)
    assert not found, "\n".join(found)
