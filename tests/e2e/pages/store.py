from playwright.sync_api import Locator, Page


class Store:
    def __init__(self, page: Page) -> None:
        self.page = page
        self.heading = page.get_by_role("heading", level=1)
        self.messages = page.get_by_role("status")
        self.cards = page.get_by_role("main").get_by_role("article")

    def goto(self) -> "Store":
        self.page.goto("/store/")
        return self

    def card(self, product: str) -> Locator:
        return self.cards.filter(has=self.page.get_by_role("link", name=product))

    def open(self, product: str) -> None:
        self.card(product).get_by_role("link", name=product).click()
