"""Ways in which people drive Stripe's hosted page in their tests, each with its own locators, against this page.

They follow public tests with Playwright, Cypress, Selenium, Capybara, Selenide and Puppeteer, and guides. Here
Playwright runs all of them, with the locators and actions of the other tools.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import stripe
from clients.run_all import serve

playwright_api = pytest.importorskip("playwright.sync_api")
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
SUCCESS = "/stripe-sandbox/?paid={CHECKOUT_SESSION_ID}"  # any page of the same site
VISA, CHALLENGE, DECLINED = "4242424242424242", "4000002760003184", "4000000000000002"


class Shop:
    """A store that opens Checkout Sessions, and a browser."""

    def __init__(self, browser: Any, port: int) -> None:
        self.browser, self.url = browser, f"http://127.0.0.1:{port}"
        self.v1 = stripe.StripeClient("sk_test_pages", base_addresses={"api": self.url}).v1

    def open(self, amount: int = 1900, interval: str = "", currency: str = "usd", **params: Any) -> Any:
        price: Any = {"currency": currency, "unit_amount": amount, "product_data": {"name": "Club"}}
        price |= {"recurring": {"interval": interval}} if interval else {}
        price = params.pop("price", price)
        line = {"price": self.v1.prices.create(price).id, "quantity": 1}
        session = self.v1.checkout.sessions.create(
            {
                "mode": "subscription" if interval else "payment",
                "line_items": [line],
                "success_url": self.url + SUCCESS,
                "cancel_url": f"{self.url}/cart",
                **params,
            }
        )
        page = self.browser.new_page(locale="en-US")
        page.set_default_timeout(5000)
        page.goto(str(session.url))
        return page

    def is_paid(self, page: Any) -> bool:
        """Wait for the store's page. Return whether the session of its URL is complete."""
        page.wait_for_url("**/stripe-sandbox/?paid=*")
        session_id = page.url.partition("paid=")[2]
        return self.v1.checkout.sessions.retrieve(session_id).status == "complete"


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    path = os.environ.get("E2E_BROWSER") or next(filter(None, map(shutil.which, BROWSERS)), None)
    with serve() as port, playwright_api.sync_playwright() as playwright:
        options = {"executable_path": path} if path else {}
        try:
            browser = playwright.chromium.launch(args=["--no-sandbox"], **options)
        except playwright_api.Error as error:
            pytest.skip(f"no browser: {error}")
        yield Shop(browser, port)
        browser.close()


# --- ways to fill in the card -----------------------------------------------------------------------------


def fill_by_ids(page: Any, card: str) -> None:
    """Cypress and Puppeteer: type into the ids key by key, without spaces."""
    page.wait_for_selector("form.PaymentForm-form")
    keys = {"email": "ada@example.com", "cardNumber": card, "cardExpiry": "1234", "cardCvc": "123"}
    for name, text in (keys | {"billingName": "Ada Lovelace", "billingPostalCode": "10001"}).items():
        page.locator(f"#{name}").press_sequentially(text, delay=2)
    page.locator(".SubmitButton").click()


def fill_by_names(page: Any, card: str) -> None:
    """Playwright with names of inputs, the optional ones only if they are visible."""
    if not page.locator('[name="cardNumber"]').is_visible():
        page.locator('[data-testid="card-accordion-item"]').click()
    page.fill('input[name="email"]', "ada@example.com")
    page.fill('input[name="cardNumber"]', card)
    page.fill('input[name="cardExpiry"]', "12 / 34")
    page.fill('input[name="cardCvc"]', "123")
    page.fill('input[name="billingName"]', "Ada Lovelace")
    for optional in ("shippingName", "phoneNumber", "billingAddressLine1"):
        assert not page.locator(f'input[name="{optional}"]').is_visible()
    zip_code = page.locator('input[name="billingPostalCode"], input[placeholder="ZIP"]').first
    if zip_code.is_visible():
        zip_code.fill("10001")
    link = page.locator('#enableStripePass, input[name="enableStripePass"]').first
    if link.count() and link.is_checked():
        link.uncheck(force=True)
    page.locator('button[data-testid="hosted-payment-submit-button"], button:has-text("Pay")').first.click()


def fill_by_labels(page: Any, card: str) -> None:
    """Testing Library and Playwright's code generator: labels and roles."""
    page.get_by_label("Email").fill("ada@example.com")
    page.get_by_label("Card number").fill(card)
    page.get_by_label("Expiration").fill("12/34")
    page.get_by_label("CVC").fill("123")
    page.get_by_label("Cardholder name").fill("Ada Lovelace")
    page.get_by_label("Country or region").select_option("US")
    page.get_by_label("ZIP").fill("10001")
    page.get_by_role("button", name=re.compile(r"pay|subscribe", re.I)).click()


def fill_by_roles(page: Any, card: str) -> None:
    """Text boxes by role, after a click on the card's row."""
    page.get_by_test_id("card-accordion-item").click()
    page.get_by_role("textbox", name="Email").fill("ada@example.com")
    page.get_by_role("textbox", name="Card number").fill(card)
    page.get_by_role("textbox", name="Expiration").fill("01 / 42")
    page.get_by_role("textbox", name="CVC").fill("420")
    page.get_by_role("textbox", name="Cardholder name").fill("Ada Lovelace")
    page.get_by_role("textbox", name="ZIP").fill("10001")
    page.get_by_test_id("hosted-payment-submit-button").click()


def fill_by_placeholders(page: Any, card: str) -> None:
    page.get_by_placeholder("email@example.com").fill("ada@example.com")
    page.get_by_placeholder("1234 1234 1234 1234").fill(card)
    page.get_by_placeholder("MM / YY").fill("12 / 34")
    page.get_by_placeholder("CVC").fill("123")
    page.get_by_placeholder("Full name on card").fill("Ada Lovelace")
    page.get_by_placeholder("ZIP").fill("10001")
    page.click('[data-testid="hosted-payment-submit-button"]')


def fill_by_xpath(page: Any, card: str) -> None:
    """Selenium and Selenide: XPath, `sendKeys`, and a click on a part of the button."""
    page.locator("//button[@data-testid='card-accordion-item-button']").click(force=True)
    for name, text in {
        "email": "ada@example.com",
        "cardNumber": card,
        "cardExpiry": "1234",
        "cardCvc": "123",
        "billingName": "Ada Lovelace",
        "billingPostalCode": "10001",
    }.items():
        page.locator(f"//input[contains(@id, '{name}')]").press_sequentially(text)
    page.locator("//div[@class='SubmitButton-IconContainer']").click()


def fill_by_capybara(page: Any, card: str) -> None:
    """Capybara's `fill_in` and `select`, which take an id, a name or a label, and `find(…).click`."""
    fields = {
        "email": "ada@example.com",
        "cardNumber": " ".join(re.findall("....", card)),
        "cardExpiry": "12 / 34",
        "cardCvc": "123",
        "billingName": "Ada Lovelace",
    }
    for name, text in fields.items():
        page.locator(f"[id='{name}'], [name='{name}']").fill(text)
    page.locator("#billingCountry").select_option(label="Germany")
    page.locator("div.SubmitButton-IconContainer").click(force=True)


def fill_by_radio(page: Any, card: str) -> None:
    """Choose the method by its radio or title, then check that the inputs keep what was filled in."""
    page.locator("#payment-method-accordion-item-title-card").click(force=True)
    assert page.get_by_role("radio", name="Card").is_checked()
    page.locator("#email").fill("ada@example.com")
    for selector, text in {
        "#cardNumber": " ".join(re.findall("....", card)),
        "#cardExpiry": "01 / 40",
        "#cardCvc": "123",
        "#billingName": "Ada Lovelace",
    }.items():
        page.locator(selector).fill(text)
        assert page.locator(selector).input_value() == text
    page.select_option("#billingCountry", "NL")
    page.locator("button[type=submit], .SubmitButton").locator("visible=true").first.click()


def fill_by_keyboard(page: Any, card: str) -> None:
    """Focus the first input of the card, tab through the rest, submit with Enter."""
    page.locator("#email").fill("ada@example.com")
    page.locator("#cardNumber").focus()
    for text in (card, "1234", "123", "Ada Lovelace"):
        page.keyboard.type(text)
        page.keyboard.press("Tab")
    page.keyboard.press("Tab")  # focuses the country
    page.keyboard.type("10001")
    page.keyboard.press("Enter")


STYLES: dict[str, Callable[[Any, str], None]] = {
    name.removeprefix("fill_by_"): function
    for name, function in globals().items()
    if name.startswith("fill_by_")
}


@pytest.mark.parametrize("style", STYLES)
def test_style_pays(shop: Shop, style: str) -> None:
    page = shop.open()
    STYLES[style](page, VISA)
    assert shop.is_paid(page)


@pytest.mark.parametrize("style", STYLES)
def test_style_subscribes_with_promotion_codes(shop: Shop, style: str) -> None:
    page = shop.open(900, "month", allow_promotion_codes=True)
    STYLES[style](page, VISA)
    assert shop.is_paid(page)


@pytest.mark.parametrize("style", ["ids", "names", "xpath", "radio"])
def test_style_opens_the_card_among_several_methods(shop: Shop, style: str) -> None:
    page = shop.open(currency="eur")
    page.locator('[data-testid="sepa_debit-accordion-item-button"]').click()
    assert not page.locator("#cardNumber").is_visible()
    if style == "ids":
        page.get_by_test_id("card-accordion-item-button").click()
    page.locator("#billingCountry").select_option("US")
    STYLES[style](page, VISA)
    assert shop.is_paid(page)


# --- 3D Secure --------------------------------------------------------------------------------------------


def complete_in_nested_frames(page: Any) -> None:
    outer = page.frame_locator('iframe[src*="three-ds-2-challenge"]')
    outer.frame_locator('iframe[name="stripe-challenge-frame"]').locator("#test-source-authorize-3ds").click()


def complete_in_private_frame(page: Any) -> None:
    outer = page.frame_locator('iframe[name^="__privateStripeFrame"]').first
    outer.frame_locator("#challengeFrame").get_by_role("button", name="Complete").click()


def complete_in_any_frame(page: Any) -> None:
    """Look for the button in every frame until it is there."""
    for _ in range(100):
        for frame in page.frames:
            button = frame.query_selector("#test-source-authorize-3ds")
            if button:
                return button.click()
        page.wait_for_timeout(50)
    raise AssertionError("no button")


def complete_in_named_frame(page: Any) -> None:
    """Selenium's `switch_to.frame` with a name, and a click by script."""
    page.locator('iframe[name^="__privateStripeFrame"]').wait_for()
    for _ in range(100):
        frame = page.frame(name="stripe-challenge-frame")
        if frame and frame.query_selector("#test-source-authorize-3ds"):
            return frame.evaluate("document.getElementById('test-source-authorize-3ds').click()")
        page.wait_for_timeout(50)
    raise AssertionError("no frame")


CHALLENGES = (
    complete_in_nested_frames,
    complete_in_private_frame,
    complete_in_any_frame,
    complete_in_named_frame,
)


@pytest.mark.parametrize("complete", CHALLENGES, ids=lambda function: function.__name__)
def test_style_completes_3d_secure(shop: Shop, complete: Callable[[Any], None]) -> None:
    page = shop.open()
    fill_by_ids(page, CHALLENGE)
    complete(page)
    assert shop.is_paid(page)


def test_failed_3d_secure_shows_an_error(shop: Shop) -> None:
    page = shop.open()
    fill_by_names(page, CHALLENGE)
    outer = page.frame_locator('iframe[src*="three-ds-2-challenge"]')
    outer.frame_locator("#challengeFrame").locator("#test-source-fail-3ds").click()
    playwright_api.expect(page.locator(".FieldError")).to_contain_text("unable to authenticate")


# --- what tests look at -----------------------------------------------------------------------------------


def test_errors_are_shown_at_their_fields(shop: Shop) -> None:
    page = shop.open()
    page.locator(".SubmitButton").click()
    playwright_api.expect(page.locator("#required-cardNumber-fieldset")).to_have_text("Required")
    fill_by_placeholders(page, DECLINED)
    playwright_api.expect(page.locator("#cardNumber-fieldset .FieldError span")).to_have_text(
        "Your card has been declined."
    )
    playwright_api.expect(page.get_by_role("alert")).to_be_visible()
    playwright_api.expect(page.get_by_text("Your card has been declined.")).to_be_visible()


def test_summary_has_the_elements_of_stripes_page(shop: Shop) -> None:
    page = shop.open(900, "month")
    expect = playwright_api.expect
    expect(page.get_by_test_id("product-summary-name")).to_contain_text("Club")
    expect(page.get_by_test_id("product-summary-total-amount")).to_have_text("$9.00")
    expect(page.get_by_test_id("product-summary-description")).to_contain_text("month")
    expect(page.get_by_test_id("line-item-product-name")).to_have_text("Club")
    expect(page.get_by_test_id("line-item-total-amount")).to_have_text("$9.00")
    expect(page.locator("#OrderDetailsFooter-SubtotalAmount")).to_have_text("$9.00")
    expect(page.locator("#OrderDetails-TotalAmount > span")).to_have_text("$9.00")
    expect(page.get_by_text("Total due today")).to_be_visible()
    page.get_by_test_id("business-link").click()
    page.wait_for_url("**/cart")


@pytest.mark.parametrize("way", ["apply", "enter"])
def test_promotion_code_can_be_entered(shop: Shop, way: str) -> None:
    code = shop.v1.promotion_codes.create(
        {"promotion": {"type": "coupon", "coupon": shop.v1.coupons.create({"percent_off": 50}).id}}
    ).code
    page = shop.open(allow_promotion_codes=True)
    page.get_by_text("Add promotion code").click()
    page.locator("#promotionCode").fill(code)
    if way == "apply":
        page.locator('button:has-text("Apply")').click()
    else:
        page.get_by_placeholder("Add promotion code").press("Enter")
    playwright_api.expect(page.locator("#OrderDetails-TotalAmount")).to_have_text("$9.50")


def test_button_while_the_payment_is_processed(shop: Shop) -> None:
    page = shop.open()
    page.evaluate("document.addEventListener('submit', (event) => event.preventDefault())")
    fill_by_ids(page, VISA)
    button = page.locator('xpath=//button[contains(@class, "SubmitButton--processing")]')
    playwright_api.expect(button).to_contain_text("Processing")


def test_custom_amount_can_be_entered(shop: Shop) -> None:
    price = {
        "currency": "usd",
        "custom_unit_amount": {"enabled": True, "preset": 500},
        "product_data": {"name": "Tip"},
    }
    page = shop.open(price=price)
    playwright_api.expect(page.get_by_test_id("product-summary-total-amount")).to_have_text("$5.00")
    page.get_by_text("Change amount").click()
    page.locator("#customUnitAmount").fill("12.50")
    fill_by_names(page, VISA)
    assert shop.is_paid(page)
    assert shop.v1.checkout.sessions.list({"limit": 1}).data[0].amount_total == 1250


def test_saved_card_can_be_used(shop: Shop) -> None:
    customer = shop.v1.customers.create({"email": "ada@example.com"}).id
    options = {"payment_method_save": "enabled", "payment_method_remove": "enabled"}
    params: Any = {"customer": customer, "saved_payment_method_options": options}
    page = shop.open(**params)
    page.get_by_label("Save payment details").check()
    page.locator("#cardNumber").fill(VISA)
    page.locator("#cardExpiry").fill("12 / 34")
    page.locator("#cardCvc").fill("123")
    page.locator("#billingName").fill("Ada Lovelace")
    page.locator("#billingPostalCode").fill("10001")
    page.get_by_test_id("hosted-payment-submit-button").click()
    assert shop.is_paid(page)
    page = shop.open(**params)
    playwright_api.expect(page.locator("#cardNumber")).to_be_hidden()
    playwright_api.expect(page.get_by_role("radio", name="Visa •••• 4242")).to_be_checked()
    page.get_by_label("Use a different card").check()
    playwright_api.expect(page.locator("#cardNumber")).to_be_visible()
    page.get_by_role("radio", name="Visa •••• 4242").check()
    page.get_by_test_id("hosted-payment-submit-button").click()
    assert shop.is_paid(page)
    page = shop.open(**params)
    page.get_by_role("button", name="Remove Visa •••• 4242").click()
    playwright_api.expect(page.locator("#cardNumber")).to_be_visible()
    assert shop.v1.customers.payment_methods.list(customer).data == []
