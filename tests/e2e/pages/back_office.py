from playwright.sync_api import Locator, Page


class BackOffice:
    """The frame of the admin's pages: search box, menu and theme switch."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.search = page.get_by_role("searchbox", name="Find an order, a customer or a product")
        self.menu_button = page.get_by_role("button", name="Menu", exact=True)
        self.menu = page.get_by_role("navigation", name="Menu")
        self.heading = page.get_by_role("heading", level=1)
        self.messages = page.locator(".messagelist")

    def goto(self, path: str = "/admin/") -> "BackOffice":
        self.page.goto(path)
        return self

    def find(self, text: str) -> "BackOffice":
        """Look for the text by keyboard."""
        self.search.fill(text)
        self.search.press("Enter")
        self.page.wait_for_load_state()
        return self

    def results(self, kind: str) -> Locator:
        return self.page.get_by_role("region", name=kind).get_by_role("listitem")

    def choose_theme(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).press("Enter")
        self.page.wait_for_load_state()

    @property
    def background(self) -> str:
        return str(self.page.evaluate("getComputedStyle(document.body).backgroundColor"))


class ChangeList:
    """A list of the admin."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.rows = page.locator("#result_list tbody tr")
        self.counter = page.locator(".action-counter")
        self.select_all = page.locator("#action-toggle")

    def row(self, text: str) -> Locator:
        return self.rows.filter(has_text=text)

    def select(self, text: str) -> None:
        self.row(text).get_by_role("checkbox").press("Space")

    def run(self, action: str) -> None:
        self.page.get_by_label("Action:").select_option(label=action)
        self.page.get_by_role("button", name="Go").press("Enter")
        self.page.wait_for_load_state()
