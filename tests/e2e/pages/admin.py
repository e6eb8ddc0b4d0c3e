from pathlib import Path

from playwright.sync_api import Locator, Page

from apps.ecommerce.models import ProductFile


class FileAdmin:
    """The admin's page of a file with its versions."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.messages = page.locator(".messagelist")

    def goto(self, file: ProductFile) -> "FileAdmin":
        self.page.goto(f"/admin/ecommerce/productfile/{file.pk}/change/")
        return self

    def add_version(self, upload: Path, label: str, notes: str) -> None:
        row = self.page.locator(".inline-related:not(.empty-form)").last
        row.locator("[type=file]").set_input_files(upload)
        row.locator("[name$=label]").fill(label)
        row.locator("[name$=notes]").fill(notes)
        self.page.get_by_role("button", name="Save and continue editing").click()
        self.messages.wait_for()

    def notify_owners(self) -> None:
        self.page.get_by_role("link", name="Notify owners about this update").click()
        self.page.get_by_role("button", name="Send the e-mails").click()


class ProductEditor:
    """The admin's page on which a founder adds and edits a product."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.messages = page.locator(".messagelist")
        self.errors = page.locator(".errorlist")
        self.prices = page.locator(".price-row:visible")

    def add_price(self, kind: str, amount: str = "", **fields: str) -> None:
        """Fill in the last row if it is empty, or a new one."""
        self.page.get_by_role("button", name="Add price").wait_for()  # the script hides further rows
        if self._field(self.prices.last, "amount").input_value():
            self.page.get_by_role("button", name="Add price").click()
        row = self.prices.last
        row.get_by_label("Payment").select_option(label=kind)
        if amount:
            self._field(row, "amount").fill(amount)
        for name, value in fields.items():
            self._field(row, name).fill(value)

    def change_amount(self, number: int, amount: str) -> None:
        self._field(self.prices.nth(number), "amount").fill(amount)

    def add_picture(self, file: Path, alt: str) -> None:
        self.page.get_by_role("button", name="Add picture").click()
        row = self.page.locator(".picture-row:visible").last
        row.locator("[type=file]").set_input_files(file)
        row.get_by_label("Alternative text").fill(alt)

    def save(self, button: str = "Save") -> None:
        self.page.locator(".editor-submit").get_by_role("button", name=button, exact=True).press("Enter")
        self.messages.wait_for()

    def open_contents(self, name: str) -> None:
        self.page.get_by_role("navigation", name="Contents of the product").get_by_role(
            "link", name=name
        ).click()

    def _field(self, row: Locator, name: str) -> Locator:
        return row.locator(f"[name$='-{name}']")


class ContentsAdmin:
    """The admin's pages of a product's sections, lessons and files."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def add_section(self, title: str) -> None:
        self.page.get_by_role("link", name="Add section").click()
        self._save(title=title)

    def add_lesson(self, title: str, **fields: str | Path) -> None:
        self.page.get_by_role("link", name="Add lesson").first.click()
        self._save(title=title, **fields)

    def add_file(self, name: str, upload: Path) -> None:
        self.page.get_by_role("link", name="Add file").first.click()
        self.page.locator("[name='versions-0-upload']").set_input_files(upload)
        self._save(name=name)

    def _save(self, **fields: str | Path) -> None:
        for name, value in fields.items():
            field = self.page.locator(f"[name='{name}']")
            if isinstance(value, Path):
                field.set_input_files(value)
            else:
                field.fill(value)
        self.page.locator("[name=_save]").press("Enter")
        self.page.locator(".messagelist .success").wait_for()
