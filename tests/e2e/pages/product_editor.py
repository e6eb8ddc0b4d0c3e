from playwright.sync_api import Locator, Page


class ProductEditor:
    """The page "New product" of the admin, and that of an existing product."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.form = page.locator("#product-editor")
        self.name = self.form.get_by_label("Name:", exact=True)
        self.description = self.form.get_by_label("Description")
        self.status = self.form.get_by_label("Status")
        self.status_row = self.form.locator(".editor-submit .editor-field")
        self.save_button = self.form.get_by_role("button", name="Save", exact=True).filter(visible=True)
        self.publish_button = self.form.get_by_role("button", name="Save and put on sale")
        self.prices = self.form.locator("[data-rows=prices] [data-item]").filter(visible=True)
        self.pictures = self.form.locator("[data-rows=pictures] [data-item]").filter(visible=True)
        self.questions = self.form.locator("[data-rows=faq] [data-item]").filter(visible=True)
        self.preview = self.form.locator(".editor-preview").first
        self.success = page.locator(".messagelist .success")
        self.alerts = page.get_by_role("alert")
        self.field_errors = self.form.locator(".errorlist")
        self.conflicts = page.locator(".editor-conflicts")

    def open_new(self) -> "ProductEditor":
        self.page.goto("/admin/")
        self.page.get_by_role("link", name="New product").click()
        return self

    def goto(self, pk: int) -> "ProductEditor":
        self.page.goto(f"/admin/ecommerce/productconfiguration/{pk}/change/")
        return self

    def add(self, what: str) -> None:
        self.form.get_by_role("button", name=f"Add {what}").click()

    def fill_price(self, number: int, amount: str, kind: str = "one_time") -> None:
        row = self.prices.nth(number)
        row.get_by_label("Payment").select_option(kind)
        row.get_by_label("Amount", exact=False).first.fill(amount)

    def upload(self, number: int, file: str, alt: str) -> None:
        row = self.pictures.nth(number)
        row.get_by_label("Image").set_input_files(file)
        row.get_by_label("Alternative text").fill(alt)

    def publish(self) -> None:
        self.publish_button.click()
        self.success.wait_for()

    def save(self) -> None:
        self.save_button.click()

    def view_as(self, role: str) -> None:
        self.page.get_by_role("link", name=f"View as {role}").click()


class ProductOrder:
    def __init__(self, page: Page) -> None:
        self.page = page
        self.names = page.locator(".order-item__name")
        self.save_button = page.get_by_role("button", name="Save")

    def goto(self) -> "ProductOrder":
        self.page.goto("/admin/ecommerce/productconfiguration/order/")
        return self

    def up_button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=f"Move {name} up")

    def down_button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=f"Move {name} down")
