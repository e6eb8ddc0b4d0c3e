from playwright.sync_api import Page


class NewCodePage:
    """The admin's page of a new discount code."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.code = page.get_by_label("Code:", exact=True)
        self.percent = page.get_by_label("Percent:", exact=True)
        self.uses = page.get_by_label("Maximum number of uses:", exact=True)
        self.note = page.get_by_label("Note:", exact=True)
        self.create_button = page.get_by_role("button", name="Create code")
        self.errors = page.locator(".errorlist")


class CodePage:
    """The admin's page of a discount code."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.main = page.locator("#content-main")
        self.messages = page.locator(".messagelist")
        self.link = page.get_by_role("link", name="?code=")
        self.switch_off_button = page.get_by_role("button", name="Switch off")


class LinkCode:
    """The note about the visitor's code on the pages of the store."""

    def __init__(self, page: Page) -> None:
        self.note = page.locator(".link-code")
        self.price_notes = page.locator(".code-note")
        self.remove_button = page.get_by_role("button", name="Remove code")
