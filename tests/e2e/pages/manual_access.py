from __future__ import annotations

from playwright.sync_api import Locator, Page

from apps.ecommerce.models import Purchase


class GiveAccessPage:
    def __init__(self, page: Page) -> None:
        self.page = page
        self.orders_link = page.get_by_role("link", name="Give access")
        self.product = page.get_by_label("Product:")
        self.email = page.get_by_label("E-mail address")
        self.reason = page.get_by_label("Reason")
        self.button = page.get_by_role("button", name="Give access")
        self.messages = page.locator(".messagelist")

    def goto_orders(self) -> GiveAccessPage:
        self.page.goto("/admin/ecommerce/purchase/")
        return self


class OrderActionPage:
    """The page that asks to confirm an action on an order."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.reason = page.get_by_label("Reason")

    def goto(self, purchase: Purchase, action: str) -> OrderActionPage:
        self.page.goto(f"/admin/ecommerce/purchase/{purchase.pk}/actions/{action}/")
        return self

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name)


class BuyerView:
    """The banner on each page while an operator sees the shop as a buyer."""

    def __init__(self, page: Page) -> None:
        self.banner = page.get_by_role("complementary", name="View of a buyer")
        self.stop = self.banner.get_by_role("button", name="Stop")
