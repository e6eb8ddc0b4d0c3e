import re

from playwright.sync_api import Page, expect

from tests.e2e.pages.product import ProductPage
from tests.e2e.screens import both_screens, on_phone, without_javascript


@both_screens
@without_javascript
def test_pictures_are_selected_by_touch_and_keyboard(page: Page) -> None:
    product = ProductPage(page).goto("tiny-tools")
    expect(product.picture(1)).to_be_in_viewport(ratio=0.5)
    expect(product.picture(2)).not_to_be_in_viewport()
    product.show_picture(3)
    expect(product.picture(3)).to_be_in_viewport(ratio=0.5)
    expect(product.picture(1)).not_to_be_in_viewport()
    expect(page).to_have_url(re.compile("#picture-3$"))
    product.gallery.focus()
    page.keyboard.press("ArrowLeft")
    expect(product.picture(2)).to_be_in_viewport(ratio=0.5)


def test_price_is_chosen_by_keyboard(page: Page) -> None:
    product = ProductPage(page).goto("workshop")
    expect(product.prices.first).to_be_checked()
    while not product.prices.first.evaluate("radio => radio === document.activeElement"):
        page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    yearly = product.prices.nth(1)
    expect(yearly).to_be_checked()
    expect(yearly).to_be_focused()
    page.keyboard.press("Tab")
    expect(product.buy_button).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/accounts/signup/"))


@on_phone
def test_buy_bar_shows_the_chosen_price_and_covers_nothing(page: Page) -> None:
    product = ProductPage(page).goto("workshop")
    bar = page.locator(".buy-bar")
    expect(bar).to_be_in_viewport(ratio=1)
    expect(bar).to_contain_text("$9 / month")
    product.choose(re.compile("Yearly"))
    expect(bar.get_by_text("$90 / year")).to_be_visible()
    expect(bar.get_by_text("$9 / month")).to_be_hidden()
    expect(product.buy_button).to_have_text(re.compile("Subscribe"))

    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    hidden = []
    for _ in range(40):
        page.keyboard.press("Tab")
        found = page.evaluate(COVERED)
        if found is None:
            break
        hidden += [found] if found else []
    assert hidden == []


COVERED = """() => {
    const element = document.activeElement, bar = document.querySelector(".buy-bar");
    if (element === document.body) return null;
    const box = (element.labels?.[0] ?? element).getBoundingClientRect(), edge = bar.getBoundingClientRect();
    return !bar.contains(element) && box.bottom > edge.top && box.top < edge.bottom ? element.outerHTML : "";
}"""
