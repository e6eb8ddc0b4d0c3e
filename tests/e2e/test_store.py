"""Search, scrolling and history in the store."""

import re

from playwright.sync_api import Locator, Page, Route, expect

from apps.ecommerce.models import ProductConfiguration, Tag
from tests.e2e.pages.product import ProductPage
from tests.e2e.pages.store import Store
from tests.e2e.screens import both_screens, on_phone, without_javascript
from tests.factories import create_many_products

DEMO_PRODUCTS = 9  # products of the demo shop


def test_search_filters_while_typing(page: Page) -> None:
    store = Store(page).goto()
    expect(store.cards).to_have_count(DEMO_PRODUCTS)
    store.search.press_sequentially("letter", delay=20)
    expect(store.cards).to_have_count(1)
    expect(store.search).to_be_focused()
    expect(store.announcer).to_have_text("1 product")
    expect(page).to_have_url(re.compile(r"/store/\?q=letter$"))
    expect(page).to_have_title(re.compile("^“letter”"))

    store.search.fill("")
    expect(store.cards).to_have_count(DEMO_PRODUCTS)
    store.search.press("Tab")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(store.kind("recurring")).to_be_focused()
    expect(store.cards).to_have_count(2)
    expect(store.announcer).to_have_text("2 products")
    store.sort.select_option("price")
    expect(store.names).to_have_text(["The Sunday Letter", "The Workshop"])
    expect(page).to_have_url(re.compile(r"/store/\?type=recurring&sort=price$"))

    page.go_back()
    expect(page).to_have_url(re.compile(r"/store/\?type=recurring$"))
    expect(store.names).to_have_text(["The Workshop", "The Sunday Letter"])
    expect(store.kind("recurring")).to_be_checked()
    store.search.fill("no such thing")
    expect(store.empty.get_by_role("heading")).to_contain_text("no such thing")
    store.empty.locator("a[href*='q=']").click()
    store.empty.locator("a[href='/store/']").click()
    expect(store.cards).to_have_count(DEMO_PRODUCTS)


@both_screens
def test_back_restores_the_scrolled_store(page: Page) -> None:
    create_many_products(60)
    store = Store(page).goto("?sort=newest")
    expect(store.cards).to_have_count(24)
    page.mouse.move(100, 500)
    for shown in (48, DEMO_PRODUCTS + 60):
        while store.cards.count() < shown:
            page.mouse.wheel(0, 600)
            page.wait_for_timeout(50)
        expect(store.cards).to_have_count(shown)
    expect(store.announcer).to_have_text(re.compile(r"\b69\b.*\b69\b"))
    expect(page).to_have_url(re.compile(r"sort=newest&page=1-3$"))
    assert len(set(store.names.all_inner_texts())) == DEMO_PRODUCTS + 60
    expect(store.more_link).to_have_count(0)

    store.open("Thing 9")
    expect(ProductPage(page).heading).to_have_text("Thing 9")
    page.go_back()
    expect(store.cards).to_have_count(DEMO_PRODUCTS + 60)
    expect(store.card("Thing 9").first).to_be_in_viewport()


def test_load_more_moves_focus_to_the_first_new_product(page: Page) -> None:
    create_many_products(140)
    store = Store(page).goto("?page=4&sort=newest")
    expect(store.cards).to_have_count(24)
    store.more_link.focus()
    page.keyboard.press("Enter")
    expect(store.cards).to_have_count(48)
    expect(store.cards.nth(24).get_by_role("link")).to_be_focused()
    expect(page).to_have_url(re.compile(r"page=4-5"))
    page.reload()
    expect(store.cards).to_have_count(48)


def test_link_opens_the_middle_of_a_search(page: Page) -> None:
    create_many_products(60)
    store = Store(page).goto("?q=thing&type=one_time&sort=price&page=3")
    expect(store.names.last).to_have_text("Thing 59")
    expect(store.search).to_have_value("thing")
    expect(store.kind("one_time")).to_be_checked()
    expect(store.sort).to_have_value("price")
    store.previous_link.click()
    expect(page).to_have_url(re.compile(r"q=thing&type=one_time&sort=price&page=2$"))
    expect(store.cards.first).to_be_visible()


@without_javascript
@on_phone
def test_store_works_without_javascript(page: Page) -> None:
    create_many_products(60)
    store = Store(page).goto()
    store.search.fill("thing")
    store.kind("one_time").check()
    store.sort.select_option("newest")
    store.apply_button.click()
    expect(store.names.first).to_have_text("Thing 59")
    store.more_link.click()
    expect(store.names.first).to_have_text("Thing 35")
    store.previous_link.click()
    expect(store.names.first).to_have_text("Thing 59")
    expect(store.search).to_have_value("thing")


def test_text_typed_before_scripts_load_is_searched(page: Page) -> None:
    held_routes: list[Route] = []
    page.route("**/django_htmx/**", lambda route: held_routes.append(route))
    page.goto("/store/")
    store = Store(page)
    store.search.fill("letter")
    store.kind("recurring").check()
    expect(store.cards).to_have_count(DEMO_PRODUCTS)
    for route in held_routes:
        route.continue_()
    page.unroute("**/django_htmx/**")
    expect(store.cards).to_have_count(1)
    expect(page).to_have_url(re.compile(r"/store/\?q=letter&type=recurring$"))


@on_phone
def test_chosen_tag_is_in_view_in_a_row_that_scrolls(page: Page) -> None:
    for number, product in enumerate(ProductConfiguration.objects.on_sale()):
        product.tags.add(Tag.objects.create(name=f"Subject number {number}", slug=f"subject-{number}"))
    store = Store(page).goto()
    last = page.get_by_role("link", name="Subject number 8")
    assert _right_edge(last) > 390
    expect(store.cards.first).to_be_in_viewport(ratio=0.5)  # the row takes little of the first screen
    last.click()
    expect(store.cards).to_have_count(1)
    expect(last).to_have_attribute("aria-current", "true")
    expect(last).to_be_in_viewport(ratio=1)  # the script that scrolls is loaded after the page
    page.reload()
    expect(last).to_be_in_viewport(ratio=1)


def _right_edge(link: Locator) -> float:
    box = link.bounding_box()
    assert box
    return box["x"] + box["width"]
