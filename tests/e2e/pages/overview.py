from playwright.sync_api import Locator, Page


class Overview:
    """The admin's first page: what needs a person, and the figures of a period."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.content = page.locator(".shop-overview")
        self.attention = page.get_by_role("region", name="Needs attention")
        self.chosen_period = page.get_by_role("navigation", name="Period").locator("[aria-current]")
        self.charts = page.get_by_role("img", name="Sales")
        self.errors = page.locator(".period .errornote")

    def goto(self) -> "Overview":
        self.page.goto("/admin/")
        return self

    def choose(self, name: str) -> None:
        self.page.get_by_role("navigation", name="Period").get_by_role("link", name=name).press("Enter")

    def choose_days(self, first: str, last: str) -> None:
        self.page.get_by_label("From").fill(first)
        self.page.get_by_label("To", exact=True).fill(last)
        self.page.get_by_role("button", name="Show", exact=True).press("Enter")

    def figure(self, name: str) -> Locator:
        """Return the value of a figure and its change."""
        return self.content.locator(".tile", has=self.page.get_by_text(name, exact=True)).first

    def open_table(self) -> Locator:
        """Open the table behind the first chart by keyboard."""
        chart = self.content.locator("figure").first
        chart.locator("summary").press("Enter")
        return chart.get_by_role("table")
