"""The purchase's page, at Stripe's success_url and at the order's URL."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.sync_api import Page

if TYPE_CHECKING:  # screenshot scripts import this module without Django
    from apps.ecommerce.models import Purchase


class PurchasePage:
    def __init__(self, page: Page) -> None:
        self.page = page
        self.heading = page.get_by_role("heading", level=1)
        self.main = page.get_by_role("main")
        self.messages = page.get_by_role("status")
        self.open_link = self.main.get_by_role("link", name="Open")
        self.pay_button = self.main.get_by_role("button", name="Continue to payment")
        self.retry_button = self.main.get_by_role("button", name=re.compile("^(Try|Buy|Subscribe) again$"))
        self.manage_button = self.main.get_by_role("button", name="Manage subscription")
        self.card_button = self.main.get_by_role("button", name="Update your card")
        self.steps = self.main.get_by_role("region", name="What happened").get_by_role("listitem")

    def goto(self, purchase: Purchase) -> PurchasePage:
        self.page.goto(purchase.get_absolute_url())
        return self

    def open(self) -> None:
        self.open_link.click()
