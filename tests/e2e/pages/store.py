from playwright.sync_api import Locator, Page


class Store:
    def __init__(self, page: Page) -> None:
        self.page = page
        self.heading = page.get_by_role("heading", level=1)
        self.messages = page.get_by_role("status")
        self.cards = page.get_by_role("main").get_by_role("article")
        self.names = self.cards.get_by_role("heading")
        self.search = page.get_by_role("searchbox", name="Search")
        self.sort = page.get_by_role("combobox", name="Sort")
        self.apply_button = page.locator(".filters [type=submit]")
        self.more_link = page.locator("a[rel=next]")
        self.previous_link = page.locator("a[rel=prev]")
        self.empty = page.locator(".empty")
        self.announcer = page.locator("#announcer")

    def goto(self, query: str = "") -> "Store":
        self.page.goto(f"/store/{query}")
        self.wait_until_live()
        return self

    def wait_until_live(self) -> None:
        """Wait for the scripts; until then links load whole pages."""
        live = "Boolean(window.htmx) || matchMedia('(scripting: none)').matches"
        # wait_for_function evaluates a string, which the page's policy forbids.
        for _ in range(400):
            if self.page.evaluate(live):
                return
            self.page.wait_for_timeout(25)
        raise AssertionError("The page's scripts did not load.")

    def card(self, product: str) -> Locator:
        return self.cards.filter(has=self.page.get_by_role("link", name=product))

    def open(self, product: str) -> None:
        self.card(product).get_by_role("link", name=product).click()

    def owned_badge(self, product: str) -> Locator:
        return self.card(product).locator("[data-state=owned]")

    def kind(self, value: str) -> Locator:
        return self.page.locator(f"#kinds [value={value}]")
