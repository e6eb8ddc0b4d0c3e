"""Operators download CSV files, on a phone and a desktop, by keyboard. Support and strangers don't."""

from __future__ import annotations

import csv
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import Group
from django.utils import timezone
from playwright.sync_api import Page, expect

from apps.ecommerce.back_office.roles import SUPPORT
from apps.ecommerce.models import OperatorAction
from apps.users.models import User
from tests.e2e.pages.back_office import BackOffice
from tests.e2e.screens import both_screens, on_phone
from tests.e2e.users import buy_without_browser, sign_in

KINDS = ("Orders", "Payments", "Refunds", "Subscriptions", "Customers", "Tax by country")


class Exports:
    def __init__(self, page: Page) -> None:
        self.page = page
        self.first_day = page.locator("#content [name=from]")
        self.last_day = page.locator("#content [name=to]")
        self.content = page.locator("#content")

    def goto(self) -> Exports:
        self.page.goto("/admin/exports/")
        return self

    def choose(self, first: str, last: str) -> None:
        self.first_day.fill(first)
        self.last_day.fill(last)

    def download(self, kind: str) -> tuple[str, Path]:
        """Press the button by keyboard, and return the name of the file and where it is."""
        with self.page.expect_download() as download:
            self.page.get_by_role("button", name=f"Download {kind}", exact=True).press("Enter")
        return download.value.suggested_filename, download.value.path()


@both_screens
def test_each_file_is_downloaded_by_keyboard(page: Page, ada: User, olive: User) -> None:
    purchase = buy_without_browser(ada, "tiny-tools")
    office = BackOffice(sign_in(page, olive)).goto()
    if office.menu_button.is_visible():
        office.menu_button.press("Enter")
    page.get_by_role("link", name="Exports").first.press("Enter")
    exports = Exports(page)
    expect(office.heading).to_have_text("Exports")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    results = Axe().run(page, context="#content", options={"preload": False})
    assert not results.violations_count, results.generate_report()
    exports.choose(f"{timezone.now().year - 1}-01-01", "2100-01-01")
    for kind in KINDS:
        name, file = exports.download(kind)
        assert name.endswith(".csv")
        rows = list(csv.reader(file.read_text("utf-8-sig").splitlines()))
        assert len(rows[0]) > 3, kind
        if kind == "Orders":
            assert any(purchase.order_number in row for row in rows)
    entries = OperatorAction.objects.filter(action="export", operator=olive)
    assert entries.count() == len(KINDS)


@on_phone
def test_enter_in_a_day_downloads_nothing(page: Page, olive: User) -> None:
    exports = Exports(sign_in(page, olive)).goto()
    exports.choose("2026-02-01", "2026-01-01")
    exports.last_day.press("Enter")
    expect(exports.content.locator(".errorlist").first).to_be_visible()
    exports.choose("2026-01-01", "2026-02-01")
    exports.last_day.press("Enter")
    expect(exports.content.locator(".errorlist")).to_have_count(0)
    expect(exports.last_day).to_have_value("2026-02-01")
    assert not OperatorAction.objects.exists()


@on_phone
def test_support_and_strangers_export_nothing(page: Page, bob: User) -> None:
    bob.is_staff = True
    bob.save()
    bob.groups.add(Group.objects.get(name=SUPPORT))
    BackOffice(sign_in(page, bob)).goto()
    expect(page.get_by_role("link", name="Exports")).to_have_count(0)
    answer = page.goto("/admin/exports/")
    assert answer
    assert answer.status == 403
    User.objects.filter(pk=bob.pk).update(is_staff=False)
    page.goto("/admin/exports/")
    expect(Exports(page).first_day).to_have_count(0)
    assert not OperatorAction.objects.exists()
