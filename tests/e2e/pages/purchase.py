"""The purchase's page, at Stripe's success_url and at the order's URL."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.sync_api import Locator, Page

if TYPE_CHECKING:  # screenshot scripts import this module without Django
    from apps.ecommerce.models import Purchase


MANAGE_BUTTON = "form[action$='/manage/'] button"  # manage the subscription, or update its payment method


class PurchasePage:
    def __init__(self, page: Page) -> None:
        self.page = page
        self.heading = page.get_by_role("heading", level=1)
        self.main = page.get_by_role("main")
        self.messages = page.get_by_role("status")
        self.open_link = self.main.get_by_role("link", name="Open")
        self.pay_button = self.main.get_by_role("button", name="Continue to payment")
        self.retry_button = self.main.get_by_role("button", name=re.compile("^(Try|Buy|Subscribe) again$"))
        self.manage_button = self.main.locator(MANAGE_BUTTON)
        self.payments = self.main.locator(".payments").get_by_role("listitem")
        self.receipt_links = self.main.get_by_role("link", name="Receipt")
        self.cancel_button = self.main.locator("form[action$='/cancel/'] button")
        self.wrong_address = self.main.get_by_text("Wrong address?")
        self.correct_email = self.main.get_by_label("Correct e-mail address")
        self.steps = self.main.locator(".timeline").get_by_role("listitem")

    def goto(self, purchase: Purchase) -> PurchasePage:
        self.page.goto(purchase.get_absolute_url())
        return self

    def in_state(self, key: str) -> Locator:
        """Return the status, found only if it is this one (a key of status_messages.MESSAGES)."""
        return self.main.locator(f"[data-state={key}]")

    def fact(self, name: str) -> Locator:
        """Return the value of a row of "Your order"."""
        rows = self.main.locator("dl.facts > div")
        return rows.filter(has=self.page.get_by_text(name, exact=True)).locator("dd")

    def cancel(self) -> None:
        self.main.get_by_text("Cancel subscription").first.click()
        self.cancel_button.click()

    def open(self) -> None:
        self.open_link.click()

    def correct_address(self, email: str) -> None:
        self.wrong_address.click()
        self.correct_email.fill(email)
        self.main.get_by_role("button", name="Send the link there").click()

    def change_plan(self, name: str) -> None:
        self.main.get_by_text("Change plan").click()
        self.main.locator("form[action$='/switch/']").filter(has_text=name).get_by_role("button").click()


class BillingDetailsPage:
    def __init__(self, page: Page) -> None:
        self.page = page
        self.form = page.get_by_role("main").locator("form")
        self.errors = self.form.locator(".field__error")

    def field(self, name: str) -> Locator:
        return self.form.locator(f"[name={name}]")

    def fill(self, **values: str) -> None:
        for name, value in values.items():
            self.field(name).fill(value)


class ReceiptPage:
    def __init__(self, page: Page) -> None:
        self.page = page
        self.billing_details_link = page.get_by_role("main").locator("a[href^='/accounts/billing-details/']")
        self.sheet = page.get_by_role("article")
        self.back_link = page.get_by_role("main").get_by_role("link", name="Back")
        self.print_button = page.locator("[data-print]")
