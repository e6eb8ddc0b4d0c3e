from playwright.sync_api import Download, Locator, Page


class Library:
    def __init__(self, page: Page) -> None:
        self.page = page
        self.heading = page.get_by_role("heading", level=1)
        self.cards = page.locator(".library").get_by_role("article")  # recommended products follow
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
        # The button in the head of the page; the list of files has further ones.
        self.download_link = page.get_by_role("main").get_by_role("link", name="Download").first
        self.files = page.get_by_role("region", name="Files").get_by_role("list").first.locator("> li")

    def goto(self, slug: str) -> "GatedPage":
        self.page.goto(f"/purchases/{slug}/")
        return self

    def file(self, name: str) -> Locator:
        return self.files.filter(has=self.page.get_by_role("heading", name=name))

    def download_file(self, name: str) -> Download:
        with self.page.expect_download() as download:
            self.file(name).get_by_role("link", name=f"Download {name}").click()
        return download.value

    def download_earlier(self, name: str, label: str) -> Download:
        row = self.file(name)
        row.locator("summary").click()
        with self.page.expect_download() as download:
            row.get_by_role("link", name=f"Version {label}").click()
        return download.value

    def download(self) -> Download:
        with self.page.expect_download() as download:
            self.download_link.click()
        return download.value
