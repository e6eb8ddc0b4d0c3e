from playwright.sync_api import Download, Locator, Page


class Library:
    def __init__(self, page: Page) -> None:
        self.page = page
        self.heading = page.get_by_role("heading", level=1)
        self.cards = page.get_by_role("main").get_by_role("article")
        self.others = page.get_by_role("region", name="Other orders").get_by_role("listitem")

    def goto(self) -> "Library":
        self.page.goto("/purchases/")
        return self

    def card(self, product: str) -> Locator:
        return self.cards.filter(has_text=product)


class GatedPage:
    """The owner's page, with the founder's content and the file."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.heading = page.get_by_role("heading", level=1)
        self.download_link = page.get_by_role("main").get_by_role("link", name="Download")

    def goto(self, slug: str) -> "GatedPage":
        self.page.goto(f"/purchases/{slug}/")
        return self

    def download(self) -> Download:
        with self.page.expect_download() as download:
            self.download_link.click()
        return download.value
