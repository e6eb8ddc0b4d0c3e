from pathlib import Path

from playwright.sync_api import Page

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

    def tell_owners(self) -> None:
        self.page.get_by_role("link", name="Tell owners about this update").click()
        self.page.get_by_role("button", name="Send the e-mails").click()
