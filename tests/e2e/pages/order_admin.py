from playwright.sync_api import Locator, Page

from apps.ecommerce.models import Purchase


class OrderAdmin:
    """The admin's list of orders, the page of an order, and the pages that ask to confirm an action."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.presses = 0
        self.summary = page.locator(".order__summary")
        self.actions = page.get_by_role("navigation", name="Actions")
        self.timeline = page.locator(".order__timeline")
        self.emails = page.locator("section", has=page.get_by_role("heading", name="E-mails"))
        self.messages = page.locator(".messagelist")
        self.alert = page.get_by_role("alert")
        self.content = page.locator("#content")

    def goto(self, purchase: Purchase) -> "OrderAdmin":
        self.page.goto(f"/admin/ecommerce/purchase/{purchase.pk}/change/")
        return self

    def open_list(self, model: str = "purchase") -> "OrderAdmin":
        """Open a list, which is one press on the admin's first page."""
        self.page.goto(f"/admin/ecommerce/{model}/")
        self.presses += 1
        return self

    def search(self, words: str) -> None:
        self.page.locator("#searchbar").fill(words)
        self.press(self.page.locator("#searchbar"))
        self.page.wait_for_url("**?q=**")

    def open_result(self) -> None:
        self.press(self.page.locator("#result_list tbody th a").first)

    def start(self, name: str) -> None:
        """Open the page that asks to confirm this action."""
        self.press(self.actions.get_by_role("link", name=name, exact=True))

    def confirm(self, name: str) -> None:
        self.press(self.confirm_button(name))

    def confirm_button(self, name: str) -> Locator:
        return self.page.locator(".order-action__submit").get_by_role("button", name=name)

    def press(self, target: Locator) -> None:
        """Press Enter on a link, button or field, and wait for the next page."""
        with self.page.expect_navigation():
            target.press("Enter")
        self.presses += 1
