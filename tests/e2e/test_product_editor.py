"""A founder makes, edits and orders products in the admin: by keyboard, on a phone and without JavaScript."""

from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import BrowserContext, Locator, Page, expect

from apps.ecommerce.models import ProductConfiguration
from apps.users.models import User
from stripe_sandbox import storage
from tests.e2e.journeys import buy, is_as_wide_as_the_window
from tests.e2e.pages.product import ProductPage
from tests.e2e.pages.product_editor import ProductEditor, ProductOrder
from tests.e2e.pages.store import Store
from tests.e2e.screens import both_screens, on_phone, without_javascript
from tests.e2e.users import sign_in


@pytest.fixture(autouse=True)
def _media(settings, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.fixture
def photo(tmp_path: Path) -> str:
    path = tmp_path / "photo.jpg"
    Image.new("RGB", (1200, 800), "teal").save(path)
    return str(path)


def height(row: Locator) -> float:
    box = row.bounding_box()
    assert box
    return box["height"]


@both_screens
def test_new_product_is_made_and_sold(
    page: Page, new_context: Callable[..., BrowserContext], ada: User, olive: User, photo: str
) -> None:
    editor = ProductEditor(sign_in(page, olive)).open_new()
    editor.name.fill("Field notes")
    editor.description.fill("Made of *paper*")
    expect(editor.preview.locator("em")).to_have_text("paper")
    expect(editor.prices).to_have_count(1)
    editor.fill_price(0, "19")
    editor.add("price")
    editor.fill_price(1, "9", "month")
    editor.add("price")
    editor.prices.nth(2).get_by_label("Payment").select_option("custom")
    expect(editor.prices.nth(2).get_by_label("Amount:", exact=True)).to_be_hidden()
    editor.prices.nth(2).get_by_label("Smallest amount").fill("5")
    editor.add("picture")
    editor.upload(0, photo, "A notebook")
    editor.add("question")
    editor.questions.nth(0).get_by_label("Question:", exact=True).fill("Is it lined?")
    editor.questions.nth(0).get_by_label("Answer").fill("No.")
    assert is_as_wide_as_the_window(page)
    editor.publish()

    row = ProductConfiguration.objects.get(product__name="Field notes")
    buyer = sign_in(new_context().new_page(), ada)
    product = ProductPage(buyer).goto(row.slug)
    expect(buyer.get_by_alt_text("A notebook")).to_be_visible()
    expect(product.prices).to_have_count(3)
    buy(buyer, row.slug)

    editor.goto(row.pk)
    editor.prices.nth(0).get_by_label("Amount:", exact=True).fill("29")
    editor.save()
    expect(editor.success).to_be_visible()
    expect(ProductPage(new_context().new_page()).goto(row.slug).main).to_contain_text("$29")
    editor.status.select_option("hidden")
    editor.save()
    expect(editor.success).to_be_visible()
    expect(Store(new_context().new_page()).goto().card("Field notes")).to_have_count(0)


def test_new_product_is_made_by_keyboard(page: Page, olive: User) -> None:
    editor = ProductEditor(sign_in(page, olive)).open_new()
    editor.name.focus()
    keyboard = page.keyboard
    keyboard.type("Field notes")
    for _field in range(5):  # one line, description, what buyers get, payment, amount
        keyboard.press("Tab")
    keyboard.type("19")
    editor.form.get_by_role("button", name="Add price").focus()
    keyboard.press("Enter")
    expect(editor.prices.nth(1).get_by_label("Payment")).to_be_focused()
    keyboard.press("e")  # chooses "each month"
    keyboard.press("Tab")
    keyboard.type("9")
    keyboard.press("Enter")  # saves a draft, as "Save" does
    expect(editor.success).to_be_visible()
    row = ProductConfiguration.objects.get(product__name="Field notes")
    assert sorted(price.label for price in row.product.prices.all()) == ["$19", "$9 / month"]
    assert row.status == "draft"


@on_phone
@without_javascript
def test_new_product_is_made_without_javascript(page: Page, olive: User, photo: str) -> None:
    editor = ProductEditor(sign_in(page, olive)).open_new()
    editor.name.fill("Field notes")
    editor.fill_price(0, "19,50")
    editor.fill_price(1, "nine", "month")
    editor.upload(0, photo, "A notebook")
    editor.publish_button.click()
    expect(editor.field_errors).to_have_count(1)
    assert is_as_wide_as_the_window(page)
    editor.fill_price(1, "9", "month")
    editor.publish()
    row = ProductConfiguration.objects.get(product__name="Field notes")
    assert sorted(price.label for price in row.product.prices.all()) == ["$19.50", "$9 / month"]
    ProductPage(page).goto(row.slug)
    expect(page.get_by_alt_text("A notebook")).to_be_visible()


def test_first_wrong_field_is_focused(page: Page, olive: User) -> None:
    editor = ProductEditor(sign_in(page, olive)).open_new()
    editor.name.fill("Field notes")
    editor.fill_price(0, "0.20")
    editor.publish_button.click()
    expect(editor.prices.nth(0).get_by_label("Amount:", exact=True)).to_be_focused()


def test_change_in_the_dashboard_is_shown(page: Page, olive: User, goods: ProductConfiguration) -> None:
    editor = ProductEditor(sign_in(page, olive)).goto(goods.pk)
    editor.name.fill("Mine")
    storage.update(goods.product_id, name="Theirs")
    editor.save()
    expect(editor.conflicts).to_contain_text("Theirs")
    expect(editor.name).to_have_value("Mine")
    editor.save()
    expect(editor.success).to_contain_text("Mine")


def test_draft_is_previewed(page: Page, olive: User, goods: ProductConfiguration) -> None:
    ProductConfiguration.objects.filter(pk=goods.pk).update(status="draft", listed=False)
    editor = ProductEditor(sign_in(page, olive)).goto(goods.pk)
    editor.view_as("shopper")
    expect(page.get_by_role("complementary", name="Preview")).to_be_visible()
    expect(page.get_by_role("button", name="Buy now").filter(visible=True)).to_be_disabled()
    editor.goto(goods.pk).view_as("owner")
    expect(page.get_by_text("Use them anywhere.")).to_be_visible()
    page.get_by_role("link", name="Stop the preview").click()
    expect(editor.name).to_be_visible()


def test_products_are_ordered_by_keyboard_and_drag(page: Page, olive: User) -> None:
    order = ProductOrder(sign_in(page, olive)).goto()
    first, second, third, *_others = order.names.all_inner_texts()
    order.up_button(third).press("ArrowUp")
    expect(order.up_button(third)).to_be_focused()
    expect(order.names.nth(1)).to_have_text(third)
    order.names.nth(2).drag_to(order.names.nth(0), target_position={"x": 5, "y": 2})
    expect(order.names.nth(0)).to_have_text(second)
    order.save_button.click()
    expect(page.locator(".messagelist .success")).to_be_visible()
    assert [name.strip() for name in order.names.all_inner_texts()][:3] == [second, first, third]


@without_javascript
def test_products_are_ordered_without_javascript(page: Page, olive: User) -> None:
    order = ProductOrder(sign_in(page, olive)).goto()
    first, second, *_others = order.names.all_inner_texts()
    order.down_button(first).click()
    assert order.names.all_inner_texts()[:2] == [second, first]


@on_phone
def test_longest_name_fits_a_phone(page: Page, olive: User, goods: ProductConfiguration) -> None:
    editor = ProductEditor(sign_in(page, olive)).goto(goods.pk)
    assert height(editor.status_row) < 4 * height(editor.save_button)  # the row has no empty box
    editor.name.fill("n" * 250)
    editor.save()
    editor.success.wait_for()
    assert is_as_wide_as_the_window(page)


@both_screens
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_forms_are_accessible(page: Page, olive: User, goods: ProductConfiguration, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    editor = ProductEditor(sign_in(page, olive)).open_new()
    editor.publish_button.click()  # the form has errors
    found = [*Axe().run(page, context="#content", options={"preload": False}).response["violations"]]
    editor.goto(goods.pk).add("question")
    found += Axe().run(page, context="#content", options={"preload": False}).response["violations"]
    ProductOrder(page).goto()
    found += Axe().run(page, context="#content", options={"preload": False}).response["violations"]
    assert [(row["id"], [node["html"] for node in row["nodes"]]) for row in found] == []
