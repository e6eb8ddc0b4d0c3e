"""Stripe's hosted checkout page, and the sandbox's: both use the same element ids."""

import re

from playwright.sync_api import Locator, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

VISA = "4242 4242 4242 4242"
THREE_D_SECURE = "4000 0027 6000 3184"


class HostedCheckout:
    def __init__(self, page: Page) -> None:
        self.page = page
        self.summary = page.locator(".App-Overview")
        self.amount = page.locator("#customUnitAmount")  # the field of pay what you want
        self.email = page.locator("#email")
        self.card_row = page.get_by_test_id("card-accordion-item-button")
        self.debit_row = page.get_by_test_id("sepa_debit-accordion-item-button")
        self.iban = page.locator("#iban")
        self.card_number = page.locator("#cardNumber")
        self.expiry = page.locator("#cardExpiry")
        self.cvc = page.locator("#cardCvc")
        self.name = page.locator("#billingName")
        self.country = page.locator("#billingCountry")
        self.postal_code = page.locator("#billingPostalCode")
        self.save_card = page.locator("#savePaymentMethod")  # only the sandbox has the next three elements
        self.saved_cards = page.locator("[name=savedPaymentMethod]:not([value=new])")
        self.new_card = page.get_by_label("Use a different card")
        self.remember_me = page.locator("#enableStripePass")
        self.submit_button = page.get_by_test_id("hosted-payment-submit-button")
        self.promotion_code = page.get_by_label("Promotion code")
        self.errors = page.locator(".FieldError:visible, [role=alert]:visible")
        outer = page.frame_locator('iframe[src*="three-ds-2-challenge"]')
        self.challenge = outer.frame_locator('iframe[name="stripe-challenge-frame"]')
        self.challenge_button = self.challenge.locator("#test-source-authorize-3ds")
        self.back_link = page.get_by_test_id("business-link").or_(page.locator(".Header-businessLink")).first

    @property
    def session_id(self) -> str:
        """Return the Checkout Session id in the URL."""
        found = re.search(r"cs_\w+", self.page.url)
        assert found, f"no Checkout Session in {self.page.url}"
        return found.group()

    def wait_until_ready(self) -> None:
        """Wait for the button, which Stripe's page mounts last."""
        expect(self.submit_button).to_be_visible(timeout=30_000)

    def pay(self, card: str = VISA) -> None:
        """Fill in the card and press the button, without waiting for the result."""
        self.fill(card)
        self.submit()

    def fill(self, card: str, *, expiry: str = "12 / 34", cvc: str = "123") -> None:
        self.wait_until_ready()
        self._open_card_form()
        if self.email.is_visible() and self.email.is_editable():
            self.email.fill("ada@example.com")
        self.card_number.fill(card)
        self.expiry.fill(expiry)
        self.cvc.fill(cvc)
        self.name.fill("Ada Lovelace")
        if self.country.is_visible():
            self.country.select_option("US")
        if self.postal_code.is_visible():
            self.postal_code.fill("10001")

    def remove_card(self, name: str) -> None:
        self.page.get_by_role("button", name=f"Remove {name}").click()

    def apply_promotion(self, code: str) -> None:
        self.promotion_code.fill(code)
        self.page.get_by_role("button", name="Apply").click()

    def pay_by_debit(self, iban: str) -> None:
        """Pay by bank debit, whose result comes later."""
        self.wait_until_ready()
        self.debit_row.click()
        self.iban.fill(iban)
        self.name.fill("Ada Lovelace")
        self.submit()

    def submit(self) -> None:
        self._decline_link()
        self.submit_button.click()

    def complete_challenge(self) -> None:
        self._answer_challenge(self.challenge_button)

    def fail_challenge(self) -> None:
        self._answer_challenge(self.challenge.locator("#test-source-fail-3ds"))

    def _open_card_form(self) -> None:
        """Open the card form, which is a closed accordion row when there are several methods."""
        expect(self.card_number.or_(self.card_row).first).to_be_visible()
        if not self.card_number.is_visible():
            self.card_row.click()
        expect(self.card_number).to_be_visible()

    def _decline_link(self) -> None:
        """Uncheck Stripe Link, which appears late and requires a phone number."""
        if self.remember_me.is_visible() and self.remember_me.is_checked():
            self.remember_me.uncheck()

    def _answer_challenge(self, button: Locator) -> None:
        """Press again if the challenge stays, because Stripe's page sometimes ignores the first press."""
        button.click(timeout=30_000)
        try:
            button.wait_for(state="hidden", timeout=5_000)
        except PlaywrightTimeout:
            button.click()
