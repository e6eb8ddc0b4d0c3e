"""Busy buttons on a slow network, messages, and password fields."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from apps.ecommerce.models import ProductConfiguration
from apps.users.models import User
from tests.e2e.inspect_page import problems
from tests.e2e.journeys import go_to_checkout
from tests.e2e.pages.account import PasswordReset, SignIn, SignUp
from tests.e2e.pages.hosted_checkout import HostedCheckout
from tests.e2e.pages.library import GatedPage
from tests.e2e.pages.product import ProductPage
from tests.e2e.pages.purchase import PurchasePage
from tests.e2e.screens import both_screens, on_phone, without_javascript
from tests.e2e.users import NEW_PASSWORD, PASSWORD_OF_ADA, buy_without_browser, sign_in

BUY = "**/buy/"


@contextmanager
def unanswered(page: Page, url: str) -> Iterator[list[str]]:
    """Answer requests to this URL with 204, after which the page stays as it is. The list contains their methods."""
    requests: list[str] = []

    def answer(route: Route) -> None:
        requests.append(route.request.method)
        route.fulfill(status=204)

    page.route(url, answer)
    yield requests
    page.unroute(url)


def restore_from_cache(page: Page) -> None:
    """Simulate Back in a browser with a back/forward cache. The browser of the tests has none."""
    page.evaluate("window.dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")


def expect_busy(page: Page, button: Locator) -> None:
    text = button.get_attribute("data-busy-text")
    assert text
    expect(button).to_have_attribute("aria-busy", "true")
    expect(button).to_have_accessible_name(text)
    expect(button.locator(".spinner")).to_be_visible()
    expect(page.locator("#announcer")).to_have_text(text)


def in_main(page: Page) -> Locator:
    """Return the main button of the page, which may change its name."""
    return page.get_by_role("main").locator("[type=submit]").first


def buy_button(page: Page) -> Locator:
    return page.locator(".buy-bar [type=submit]")


@both_screens
def test_buy_is_busy_at_once_and_the_second_press_sends_nothing(
    page: Page, ada: User, goods: ProductConfiguration
) -> None:
    ProductPage(sign_in(page, ada)).goto(goods.slug)
    button = buy_button(page)
    content = button.inner_html()
    with unanswered(page, BUY) as requests:
        button.click()
        expect_busy(page, button)
        button.click(force=True)
        button.press("Enter")
        expect_busy(page, button)
        assert requests == ["POST"]
    restore_from_cache(page)
    expect(button).not_to_have_attribute("aria-busy", "true")
    assert button.inner_html() == content
    button.click()
    HostedCheckout(page).wait_until_ready()


@both_screens
def test_visitor_who_presses_twice_on_a_slow_network_sends_one_request(
    page: Page, goods: ProductConfiguration, settings: Any
) -> None:
    settings.GUEST_CHECKOUT = False
    ProductPage(page).goto(goods.slug)
    requests = []
    page.on("request", lambda request: "/buy/" in request.url and requests.append(request.url))
    network = page.context.new_cdp_session(page)
    conditions = {"offline": False, "latency": 4000, "downloadThroughput": -1, "uploadThroughput": -1}
    network.send("Network.emulateNetworkConditions", conditions)
    buy_button(page).dblclick(no_wait_after=True)
    network.send("Network.emulateNetworkConditions", {**conditions, "latency": 0})
    expect(SignUp(page).heading).to_have_text("Create your account")
    assert len(requests) == 1


@both_screens
@pytest.mark.parametrize("kind", ["password", "sign-up"])
def test_account_forms_are_busy_at_once(page: Page, ada: User, kind: str) -> None:
    form, email, url = {
        "password": (SignIn(page), ada.email, "/accounts/login/"),
        "sign-up": (SignUp(page), "grace@example.com", "/accounts/signup/"),
    }[kind]
    form.goto()
    with unanswered(page, f"**{url}") as requests:
        form.submit(email, PASSWORD_OF_ADA)
        button = in_main(page)
        expect_busy(page, button)
        button.press("Enter")
        page.locator("[type=password]").press("Enter")
        expect_busy(page, button)
        assert requests == ["POST"]
    restore_from_cache(page)
    form.submit(email, PASSWORD_OF_ADA)
    page.wait_for_url("**/purchases/")


def test_button_can_be_pressed_again_after_back(page: Page, ada: User, goods: ProductConfiguration) -> None:
    product = ProductPage(sign_in(page, ada)).goto(goods.slug)
    product.buy()
    HostedCheckout(page).wait_until_ready()
    page.go_back()
    product.buy()
    HostedCheckout(page).wait_until_ready()


def test_button_can_be_pressed_again_after_a_timeout(
    page: Page, ada: User, goods: ProductConfiguration
) -> None:
    page.clock.install()
    ProductPage(sign_in(page, ada)).goto(goods.slug)
    button = buy_button(page)
    with unanswered(page, BUY):
        button.click()
        page.clock.run_for(20_000)
        expect_busy(page, button)
        page.clock.run_for(20_000)
        expect(button).not_to_have_attribute("aria-busy", "true")
        expect(page.locator("#announcer")).to_contain_text("try again")


def test_button_is_not_busy_after_an_error(page: Page, ada: User) -> None:
    form = SignIn(page).goto()
    form.submit(ada.email, "a wrong password")
    expect(form.errors).to_be_visible()
    expect(in_main(page)).not_to_have_attribute("aria-busy", "true")
    form.submit(ada.email, PASSWORD_OF_ADA)
    page.wait_for_url("**/purchases/")


def test_required_field_does_not_make_the_button_busy(page: Page, shop: None) -> None:
    SignIn(page).goto()
    in_main(page).click()
    expect(in_main(page)).not_to_have_attribute("aria-busy", "true")


@both_screens
def test_download_is_busy_until_it_has_started(page: Page, ada: User, goods: ProductConfiguration) -> None:
    buy_without_browser(ada, goods.slug)
    page.clock.install()
    sign_in(page, ada).goto(f"/purchases/{goods.slug}/")
    link = page.get_by_role("main").locator("a[download]").first
    name = link.inner_text()
    with page.expect_download() as download:
        link.click()
        expect_busy(page, link)
        link.click(force=True)
    assert download.value.path().read_bytes() == b"icons"
    page.clock.run_for(6_000)
    expect(link).not_to_have_attribute("aria-busy", "true")
    expect(link).to_have_text(name)
    assert GatedPage(page).download().path().read_bytes() == b"icons"


def test_second_press_on_a_download_requests_nothing(
    page: Page, ada: User, goods: ProductConfiguration
) -> None:
    buy_without_browser(ada, goods.slug)
    sign_in(page, ada).goto(f"/purchases/{goods.slug}/")
    page.evaluate("window.addEventListener('click', e => { window.isIgnored = e.defaultPrevented })")
    link = page.get_by_role("main").locator("a[download]").first
    for is_ignored in (False, True):
        link.click(force=True)  # press the busy link again
        assert page.evaluate("window.isIgnored") is is_ignored


@pytest.mark.parametrize(("preference", "animation"), [("reduce", "none"), ("no-preference", "spin")])
def test_spinner_turns_unless_motion_is_reduced(
    page: Page, ada: User, goods: ProductConfiguration, preference: str, animation: str
) -> None:
    page.emulate_media(reduced_motion=preference)  # type: ignore[arg-type]
    ProductPage(sign_in(page, ada)).goto(goods.slug)
    with unanswered(page, BUY):
        buy_button(page).click()
        expect(page.locator(".spinner")).to_have_css("animation-name", animation)


def test_busy_button_and_pages_before_the_payment_have_no_problems(
    page: Page, ada: User, goods: ProductConfiguration, settings: Any
) -> None:
    settings.GUEST_CHECKOUT = False
    ProductPage(page).goto(goods.slug)
    with unanswered(page, "**/buy/**"):
        buy_button(page).click()
        found = problems(page, "busy button")
    restore_from_cache(page)
    buy_button(page).click()
    expect(SignUp(page).heading).to_have_text("Create your account")
    found += problems(page, "sign-up")
    SignUp(page).sign_in_button.click()
    expect(page.locator("[name=login]")).to_be_visible()
    found += problems(page, "sign-in")
    SignIn(page).ask_for_code(ada.email)
    expect(page.locator("[name=code]")).to_be_visible()
    found += problems(page, "code")
    assert not found, "\n".join(found)


def test_applying_a_code_is_busy_at_once_and_sent_once(page: Page, ada: User, settings: Any) -> None:
    settings.CHECKOUT_PROMOTION_CODES = True
    go_to_checkout(sign_in(page, ada), "quiet-hours")
    button, pay = page.locator("[value=apply]"), page.locator(".SubmitButton")
    name, pay_name = button.inner_text(), pay.inner_text()
    with unanswered(page, "**/stripe-sandbox/checkout/**") as requests:
        page.locator("[name=promotionCode]").fill("HELLO20")
        button.click()
        expect(button).to_have_attribute("aria-busy", "true")
        expect(button).not_to_have_text(name)
        expect(pay).to_have_text(pay_name)
        button.press("Enter")
        pay.press("Enter")
        assert requests == ["POST"]
    restore_from_cache(page)
    expect(button).to_have_text(name)
    button.click()
    expect(page.locator("#promotionCode-error")).to_be_visible()


# --- messages -----------------------------------------------------------------------------------------------


def signed_in_message(page: Page, ada: User) -> Locator:
    """Return the message after signing in, with a stopped clock."""
    page.clock.install()
    SignIn(page).goto().submit(ada.email, PASSWORD_OF_ADA)
    page.wait_for_url("**/purchases/")
    message = page.locator("[data-toast]")
    expect(message).to_be_visible()
    return message


@both_screens
def test_message_disappears_after_a_while(page: Page, ada: User) -> None:
    message = signed_in_message(page, ada)
    page.clock.run_for(5_000)
    expect(message).to_be_visible()
    page.clock.run_for(25_000)
    expect(message).to_have_count(0)


def test_message_stays_while_pointed_at_or_focused(page: Page, ada: User) -> None:
    message = signed_in_message(page, ada)
    message.hover()
    page.clock.run_for(120_000)
    expect(message).to_be_visible()
    message.get_by_role("button").focus()
    page.mouse.move(0, 700)
    page.clock.run_for(120_000)
    expect(message).to_be_visible()
    page.locator("#main").focus()
    page.clock.run_for(60_000)
    expect(message).to_have_count(0)


def test_message_can_be_closed_by_keyboard_and_the_focus_stays_in_the_page(page: Page, ada: User) -> None:
    message = signed_in_message(page, ada)
    message.get_by_role("button").press("Enter")
    expect(message).to_have_count(0)
    expect(page.locator("#main")).to_be_focused()


def test_error_stays(page: Page, ada: User, bob: User, goods: ProductConfiguration) -> None:
    purchase = buy_without_browser(bob, goods.slug)
    page.clock.install()
    sign_in(page, ada).goto(f"/store/checkout/return/?session_id={purchase.session_id}")
    page.clock.run_for(300_000)
    expect(page.locator("[data-toast]")).to_be_visible()


@on_phone
def test_messages_from_before_the_payment_are_not_shown_after_it(
    page: Page, ada: User, goods: ProductConfiguration, settings: Any
) -> None:
    settings.GUEST_CHECKOUT = False
    ProductPage(page).goto(goods.slug).buy()
    SignUp(page).sign_in_button.click()
    SignIn(page).submit(ada.email, PASSWORD_OF_ADA)  # stores "Successfully signed in"
    HostedCheckout(page).pay()
    expect(PurchasePage(page).in_state("paid")).to_be_visible()
    expect(page.locator("[data-toast]")).to_have_count(0)


@both_screens
def test_typed_address_and_choice_are_kept_from_sign_up_to_payment(
    page: Page, ada: User, settings: Any
) -> None:
    settings.GUEST_CHECKOUT = False
    product = ProductPage(page).goto("launch-pages")
    product.choose("Studio")
    product.buy()
    main = page.get_by_role("main")
    expect(main).to_contain_text("$99")
    page.locator("[name=email]").fill(ada.email)
    page.locator("[name=email]").press("Tab")
    SignUp(page).sign_in_button.press("Enter")
    expect(page.locator("[name=login]")).to_have_value(ada.email)
    assert "@" not in page.url
    expect(main).to_contain_text("$99")
    page.locator("[name=password]").fill(PASSWORD_OF_ADA)
    page.locator("[name=password]").press("Enter")
    checkout = HostedCheckout(page)
    checkout.wait_until_ready()
    expect(checkout.summary).to_contain_text("$99.00")


# --- passwords ----------------------------------------------------------------------------------------------


@both_screens
def test_password_can_be_shown_by_keyboard_and_is_hidden_when_sent(page: Page, ada: User) -> None:
    SignIn(page).goto()
    field = page.locator("[name=password]")
    toggle = page.get_by_role("button", name="Show Password")
    page.locator("[name=login]").fill(ada.email)
    field.fill("a wrong password")
    field.press("Tab")
    expect(toggle).to_be_focused()
    expect(toggle).to_have_attribute("aria-pressed", "false")
    assert toggle.get_attribute("aria-controls") == field.get_attribute("id")
    toggle.press("Space")
    expect(toggle).to_have_attribute("aria-pressed", "true")
    expect(field).to_have_attribute("type", "text")
    with unanswered(page, "**/accounts/login/"):
        field.press("Enter")
        expect(field).to_have_attribute("type", "password")
        expect(toggle).to_have_attribute("aria-pressed", "false")


def test_each_password_field_can_be_shown(page: Page, ada: User) -> None:
    SignUp(page).goto()
    expect(page.locator("[data-reveal]")).to_have_count(1)
    sign_in(page, ada).goto("/accounts/password/change/")
    expect(page.locator("input[type=password]")).to_have_count(3)
    expect(page.locator("[data-reveal]")).to_have_count(3)
    page.get_by_role("button", name="Show").last.click()
    expect(page.locator("input[type=password]")).to_have_count(2)


@without_javascript
@both_screens
def test_without_javascript_the_typed_address_and_the_choice_are_kept(
    page: Page, ada: User, settings: Any
) -> None:
    settings.GUEST_CHECKOUT = False
    ProductPage(page).goto("tiny-tools").buy()
    page.locator("[name=email]").fill(ada.email)
    SignUp(page).sign_in_button.click()
    expect(page.locator("[name=login]")).to_have_value(ada.email)
    SignIn(page).submit(ada.email, PASSWORD_OF_ADA)
    HostedCheckout(page).pay()
    expect(page.get_by_role("heading", level=1)).to_have_text("Thanks, your order is complete.")
    expect(page.locator("[data-toast]")).to_have_count(0)


@without_javascript
def test_without_javascript_there_is_no_button_that_shows_passwords(page: Page, shop: None) -> None:
    SignUp(page).goto()
    expect(page.locator("[data-reveal]")).to_be_hidden()
    SignUp(page).submit("grace@example.com", NEW_PASSWORD)
    page.wait_for_url("**/purchases/")


def test_password_reset_fields_can_be_shown(page: Page, ada: User) -> None:
    page.goto("/accounts/password/reset/")
    PasswordReset(page).request(ada.email)
    page.goto("/dev/mail/")
    page.locator(".mail__subject").first.click()
    page.get_by_role("article").get_by_role("link", name="http").first.click()
    page.get_by_role("button", name="Show").first.click()
    expect(page.locator("[name=password1]")).to_have_attribute("type", "text")
    expect(page.locator("[name=password2]")).to_have_attribute("type", "password")
