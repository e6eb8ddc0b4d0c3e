"""The billing portal: update the card, cancel, resume, return."""

from playwright.sync_api import Page

from tests.e2e.pages.hosted_checkout import VISA


class Portal:
    def __init__(self, page: Page) -> None:
        self.page = page
        self.main = page.get_by_role("main")
        self.alert = page.get_by_role("alert")
        self.subscription = self.main.get_by_role("article")
        self.invoices = self.main.get_by_role("region", name="Invoice history").get_by_role("listitem")
        self.cancel_link = self.main.get_by_role("link", name="Cancel subscription")
        self.resume_button = self.main.get_by_role("button", name="Don't cancel")
        self.confirm_button = self.main.get_by_role("button", name="Confirm")
        self.return_link = page.get_by_role("link", name="Return to")

    def update_card(self, card: str = VISA) -> None:
        """Enter and save a new card for the subscription."""
        self.main.get_by_role("link", name="Update card").click()
        self.type_card(card)

    def type_card(self, card: str) -> None:
        self.page.get_by_label("Card number").fill(card)
        self.page.get_by_label("Expiration date").fill("12 / 34")
        self.page.get_by_label("Security code").fill("123")
        self.page.get_by_label("Cardholder name").fill("Ada Lovelace")
        postal_code = self.page.get_by_label("ZIP")
        if postal_code.is_visible():
            postal_code.fill("10001")
        self.page.get_by_role("button", name="Save card").click()

    def cancel(self) -> None:
        """Cancel and confirm."""
        self.cancel_link.click()
        self.page.get_by_role("button", name="Cancel subscription").click()

    def resume(self) -> None:
        self.resume_button.click()

    def return_to_shop(self) -> None:
        self.return_link.click()
