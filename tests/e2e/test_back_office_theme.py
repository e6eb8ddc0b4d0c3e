"""The admin in the shop's look: on a phone and a desktop, by keyboard, in light and dark, with Django's scripts."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from apps.ecommerce.admin.external_sales import ExternalSaleAdmin
from apps.ecommerce.admin.purchases import PurchaseAdmin
from apps.ecommerce.models import ExternalSale, Price, ProductConfiguration, Purchase
from apps.users.models import User
from tests.e2e.inspect_page import problems
from tests.e2e.pages.account import SignIn
from tests.e2e.pages.back_office import BackOffice, ChangeList
from tests.e2e.screens import both_screens, on_phone, without_javascript
from tests.e2e.users import buy_without_browser, sign_in
from tests.factories import add_file

LIGHT, DARK = "rgb(255, 255, 255)", "rgb(26, 28, 33)"
# Of Django's widgets: buttons whose text is replaced by an image, and a field that select2 replaces.
NOT_OURS = re.compile(r'"(Choose|Remove) selected .*cut off|<select> "" is 1 ×')


@pytest.fixture
def purchase(ada: User, goods: ProductConfiguration) -> Purchase:
    return buy_without_browser(ada, goods.slug)


@pytest.fixture
def back_office(page: Page, olive: User, shop: None) -> BackOffice:
    return BackOffice(sign_in(page, olive))


def problems_of(back_office: BackOffice, paths: Iterable[str]) -> list[str]:
    found = []
    for path in paths:
        found += problems(back_office.goto(path).page)
    return [problem for problem in found if not NOT_OURS.search(problem)]


def is_wide(page: Page) -> bool:
    """Return whether something on the page needs side scrolling."""
    return bool(
        page.evaluate(
            "[...document.querySelectorAll('html, .results, .inline-group, #content')]"
            ".some(box => box.scrollWidth > box.clientWidth + 1)"
        )
    )


# --- looks --------------------------------------------------------------------------------------------------


def test_first_page_lists_and_search_have_no_problems(back_office: BackOffice, purchase: Purchase) -> None:
    found = problems_of(
        back_office,
        (
            *("/admin/", "/admin/ecommerce/purchase/", "/admin/ecommerce/productconfiguration/"),
            *("/admin/search/?q=ada", "/admin/search/?q=nobody", "/admin/ecommerce/payment/"),
        ),
    )
    assert not found, "\n".join(found)


def test_forms_have_no_problems(back_office: BackOffice, purchase: Purchase, ada: User) -> None:
    row = purchase.product.configuration
    file = row.files.get()
    found = problems_of(
        back_office,
        (
            f"/admin/ecommerce/productconfiguration/{row.pk}/change/",
            f"/admin/ecommerce/productconfiguration/{row.pk}/settings/",
            f"/admin/ecommerce/purchase/{purchase.pk}/actions/refresh/",
            f"/admin/ecommerce/productfile/{file.pk}/change/",
            "/admin/ecommerce/section/add/",
            f"/admin/users/user/{ada.pk}/change/",
        ),
    )
    assert not found, "\n".join(found)


def test_order_history_and_deletion_have_no_problems(
    back_office: BackOffice, purchase: Purchase, ada: User, bob: User
) -> None:
    row = purchase.product.configuration
    found = problems_of(
        back_office,
        (
            f"/admin/ecommerce/purchase/{purchase.pk}/change/",
            f"/admin/ecommerce/purchase/{purchase.pk}/change/?all",
            f"/admin/ecommerce/productconfiguration/{row.pk}/history/",
            f"/admin/users/user/{bob.pk}/delete/",
            f"/admin/ecommerce/lesson/of-product/{row.pk}/",
        ),
    )
    assert not found, "\n".join(found)


@both_screens
def test_lists_and_inlines_need_no_side_scrolling(
    back_office: BackOffice, purchase: Purchase, page: Page
) -> None:
    Purchase.objects.update(product_name="A product with a very long name, " * 4)
    paths = ("purchase/", "payment/", "mail/", "webhookevent/", "operatoraction/", "productconfiguration/")
    for path in (*paths, f"purchase/{purchase.pk}/change/?all"):
        back_office.goto(f"/admin/ecommerce/{path}")
        assert not is_wide(page), path


@on_phone
def test_row_of_a_list_names_its_values_on_a_phone(back_office: BackOffice, purchase: Purchase) -> None:
    page = back_office.goto("/admin/ecommerce/purchase/").page
    cell = ChangeList(page).row(purchase.order_number).locator(".field-status")
    assert cell.evaluate("cell => getComputedStyle(cell, '::before').content") == '"Status"'
    page.get_by_role("group").filter(has_text="Sort").locator("summary").press("Enter")
    page.get_by_role("link", name="Email", exact=True).press("Enter")
    expect(page).to_have_url(re.compile(r"[?&]o="))
    page.get_by_role("link", name="Filter").press("Enter")
    expect(page.get_by_role("heading", name="Filter")).to_be_in_viewport()


@both_screens
def test_theme_follows_the_system_and_the_switch(back_office: BackOffice, page: Page) -> None:
    back_office.goto()
    assert back_office.background == LIGHT
    page.emulate_media(color_scheme="dark")
    assert back_office.background == DARK
    back_office.choose_theme("Light")
    assert back_office.background == LIGHT
    back_office.choose_theme("Dark")
    page.emulate_media(color_scheme="light")
    assert back_office.goto("/admin/users/user/").background == DARK
    page.goto("/")
    assert page.locator("html").get_attribute("data-theme") == "dark"
    back_office.goto().choose_theme("System")
    assert back_office.background == LIGHT


# --- by keyboard --------------------------------------------------------------------------------------------


@both_screens
def test_operator_signs_in_and_opens_the_orders_by_keyboard(
    page: Page, olive: User, purchase: Purchase, screen: str
) -> None:
    page.goto("/accounts/login/")
    SignIn(page).submit(olive.email, "olive-runs-this")
    back_office = BackOffice(page)
    expect(page).to_have_url(re.compile("/admin/$"))
    expect(back_office.heading).to_have_text("Overview")
    if screen == "phone":
        expect(back_office.menu).to_be_hidden()
        back_office.menu_button.press("Enter")
        expect(back_office.menu).to_be_visible()
        page.keyboard.press("Escape")
        expect(back_office.menu).to_be_hidden()
        expect(back_office.menu_button).to_be_focused()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
    else:
        expect(back_office.menu_button).to_be_hidden()
        page.get_by_role("button", name="Find").focus()
        page.keyboard.press("Tab")
    expect(back_office.menu.get_by_role("link", name="Orders")).to_be_focused()
    page.keyboard.press("Enter")
    expect(back_office.heading).to_have_text("Orders")
    expect(ChangeList(page).row(purchase.order_number)).to_be_visible()


@both_screens
def test_order_is_found_by_keyboard(back_office: BackOffice, purchase: Purchase) -> None:
    back_office.goto().find(purchase.order_number.replace("-", "").lower())
    expect(back_office.heading).to_have_text(purchase.order_number)
    back_office.find("ada@example.com")
    expect(back_office.search).to_have_value("ada@example.com")
    expect(back_office.results("Customers")).to_have_count(1)
    link = back_office.results("Orders").get_by_role("link", name=purchase.order_number)
    link.press("Enter")
    expect(back_office.heading).to_have_text(purchase.order_number)


@on_phone
@without_javascript
def test_menu_search_and_theme_work_without_javascript(back_office: BackOffice, purchase: Purchase) -> None:
    back_office.goto().choose_theme("Dark")
    back_office.find(purchase.order_number)
    expect(back_office.heading).to_have_text(purchase.order_number)
    back_office.menu_button.press("Enter")
    back_office.menu.get_by_role("link", name="All tables").press("Enter")
    expect(back_office.page.get_by_role("link", name="Receiver calls")).to_be_visible()


@both_screens
def test_sign_out_leads_to_the_shop(back_office: BackOffice, screen: str) -> None:
    back_office.goto()
    if screen == "phone":
        back_office.menu_button.press("Enter")
    back_office.menu.get_by_role("button", name="Sign out").press("Enter")
    expect(back_office.page).to_have_url(re.compile(r"localhost:\d+/$"))
    back_office.goto()
    expect(back_office.page).to_have_url(re.compile("/accounts/login/"))


# --- Django's scripts ---------------------------------------------------------------------------------------


@both_screens
def test_action_of_a_list_runs_for_the_selected_rows(
    back_office: BackOffice, purchase: Purchase, page: Page
) -> None:
    orders = ChangeList(back_office.goto("/admin/ecommerce/purchase/").page)
    expect(orders.counter).to_have_text("0 of 1 selected")
    orders.select_all.press("Space")
    expect(orders.counter).to_have_text("1 of 1 selected")
    orders.select_all.press("Space")
    orders.select(purchase.order_number)
    expect(orders.counter).to_have_text("1 of 1 selected")
    label = str(PurchaseAdmin.refresh.short_description)  # type: ignore[attr-defined]
    orders.run(label)
    page.get_by_role("button", name=label).press("Enter")
    back_office.messages.wait_for()
    expect(back_office.messages).to_contain_text(purchase.order_number)


@both_screens
def test_date_picker_and_clock_fill_their_fields(
    back_office: BackOffice, goods: ProductConfiguration, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No form of the template has a date, but those of a fork may."""
    monkeypatch.setattr(ExternalSaleAdmin, "has_change_permission", lambda *args: True)
    price = Price.objects.filter(product=goods.product).first()
    assert price
    sale = ExternalSale.objects.create(
        id="cs_1", price=price, currency="usd", amount=900, livemode=False, sold_at=timezone.now()
    )
    page = back_office.goto(f"/admin/ecommerce/externalsale/{sale.pk}/change/").page
    date = page.locator("#id_sold_at_0")
    date.fill("2026-02-03")
    page.locator(".field-sold_at .date-icon").first.click()
    page.locator(".calendarbox:visible").get_by_role("link", name="17", exact=True).click()
    expect(date).to_have_value("2026-02-17")
    page.locator(".field-sold_at .clock-icon").first.click()
    page.locator(".clockbox:visible").get_by_role("link", name="Noon").click()
    expect(page.locator("#id_sold_at_1")).to_have_value("12:00:00")
    assert not is_wide(page)


@both_screens
def test_autocomplete_finds_a_product(back_office: BackOffice, goods: ProductConfiguration) -> None:
    page = back_office.goto("/admin/ecommerce/section/add/").page
    page.get_by_role("combobox", name="Product").press("Enter")
    page.locator(".select2-search__field").fill(str(goods)[:6])
    page.get_by_role("option", name=str(goods)).click()
    expect(page.locator("#id_configuration")).to_have_value(str(goods.pk))
    page.get_by_label("Title").fill("Start")
    page.get_by_role("button", name="Save", exact=True).press("Enter")
    expect(back_office.messages).to_contain_text("Start")


@both_screens
def test_inline_form_and_permissions_can_be_added(
    back_office: BackOffice, goods: ProductConfiguration, ada: User
) -> None:
    file = add_file(goods, "more.zip")
    page = back_office.goto(f"/admin/ecommerce/productfile/{file.pk}/change/").page
    forms = page.locator(".inline-related:not(.empty-form)")
    count = forms.count()
    page.locator(".add-row a").press("Enter")
    expect(forms).to_have_count(count + 1)
    assert not is_wide(page)
    back_office.goto(f"/admin/users/user/{ada.pk}/change/")
    page.locator("#id_groups_from").select_option(label="Operators")
    page.locator("#id_groups_add").press("Enter")
    page.get_by_role("button", name="Save", exact=True).press("Enter")
    back_office.messages.wait_for()
    assert ada.groups.get().name == "Operators"
