import re

from playwright.sync_api import Download, Locator, Page

BUY_LABELS = re.compile(r"^(Buy now|Subscribe|Start free trial|Get for free|Continue$)")


class ProductPage:
    def __init__(self, page: Page) -> None:
        self.page = page
        self.heading = page.get_by_role("heading", level=1)
        self.messages = page.get_by_role("status")
        self.main = page.get_by_role("main")
        self.prices = page.get_by_role("radio")
        self.price = page.locator(".single-price__amount")
        self.open_link = page.get_by_role("main").get_by_role("link", name="Open")
        self.upgrade_button = page.locator(".upgrade").get_by_role("button").first
        self.gallery = page.locator(".gallery__track")
        # Phones have a second button in a bar at the bottom.
        self.buy_button = page.get_by_role("button", name=BUY_LABELS).filter(visible=True).first

    def download_sample(self, name: str) -> Download:
        with self.page.expect_download() as download:
            self.page.get_by_role("link", name=f"Free sample {name}").click()
        return download.value

    def goto(self, slug: str) -> "ProductPage":
        self.page.goto(f"/store/{slug}/")
        return self

    def picture(self, number: int) -> Locator:
        return self.gallery.locator(f"#picture-{number} img")

    def show_picture(self, number: int) -> None:
        self.page.locator(f"a[href='#picture-{number}']").click()

    def choose(self, terms: str | re.Pattern[str]) -> None:
        self.page.get_by_role("radio", name=terms).check()

    def buy(self) -> None:
        self.buy_button.click()
