"""From "New code" in the admin to a purchase with it: on a phone and a desktop, by keyboard."""

from collections.abc import Callable

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect

from apps.ecommerce.models import DiscountCode, ProductConfiguration, Purchase
from apps.users.models import User
from tests.e2e.journeys import is_as_wide_as_the_window, wait_until
from tests.e2e.keyboard import enter, press
from tests.e2e.pages.discount_codes import CodePage, LinkCode, NewCodePage
from tests.e2e.pages.hosted_checkout import HostedCheckout
from tests.e2e.pages.product import ProductPage
from tests.e2e.pages.purchase import PurchasePage
from tests.e2e.screens import both_screens, on_phone, without_javascript
from tests.e2e.users import NEW_PASSWORD, sign_in

CODES = "/admin/ecommerce/discountcode/"


def make_code(page: Page, code: str = "SUMMER") -> CodePage:
    """Make a code of 20% by keyboard, from the list of codes."""
    page.goto(CODES)
    skip_to_content(page)
    press(page, page.get_by_role("link", name="New code"))
    form = NewCodePage(page)
    expect(form.code).to_be_focused()
    page.keyboard.type(code)
    enter(page, form.percent, "20")
    enter(page, form.uses, "5")
    enter(page, form.note, "Newsletter")
    press(page, form.create_button)
    made = CodePage(page)
    expect(made.messages).to_contain_text(f"The code {code} was created.")
    return made


def skip_to_content(page: Page) -> None:
    """Skip the admin's navigation, which has more links than MAX_STOPS."""
    press(page, page.locator(".skip-to-content-link"))


@both_screens
def test_new_code_is_made_shared_and_used_by_keyboard(
    page: Page, new_context: Callable[..., BrowserContext], olive: User, goods: ProductConfiguration
) -> None:
    made = make_code(sign_in(page, olive))
    expect(made.main).to_contain_text("20% off")
    link = made.link.get_attribute("href") or ""

    visitor = new_context().new_page()
    visitor.goto(link)
    expect(LinkCode(visitor).note).to_contain_text("Your code SUMMER: 20% off. It is applied at checkout.")
    visitor.goto(goods.get_absolute_url())
    expect(LinkCode(visitor).price_notes).to_have_text("SUMMER: 20% off, at checkout you pay $23.20")
    assert is_as_wide_as_the_window(visitor)
    press(visitor, ProductPage(visitor).buy_button)
    enter(visitor, visitor.locator("[name=email]"), "grace@example.com")
    enter(visitor, visitor.locator("[name=password1]"), NEW_PASSWORD)
    visitor.keyboard.press("Enter")
    checkout = HostedCheckout(visitor)
    expect(checkout.summary).to_contain_text("$23.20")
    checkout.fill("4242 4242 4242 4242")
    press(visitor, checkout.submit_button)
    expect(PurchasePage(visitor).in_state("paid")).to_be_visible()
    purchase = Purchase.objects.get()
    assert (purchase.amount_total, str(purchase.discount_code)) == (2320, "SUMMER")

    wait_until(page, lambda: DiscountCode.objects.get().times_redeemed == 1)
    page.reload()
    for words in ("1 of 5", "$23.20", "$5.80"):
        expect(made.main).to_contain_text(words)
    skip_to_content(page)
    press(page, made.switch_off_button)
    expect(made.messages).to_contain_text("The code SUMMER was switched off.")
    visitor.goto(link)
    expect(LinkCode(visitor).note).to_contain_text("It is no longer valid.")
    press(visitor, LinkCode(visitor).remove_button)
    expect(LinkCode(visitor).note).to_be_hidden()


@on_phone
@without_javascript
def test_code_that_ends_before_checkout_without_javascript(
    page: Page,
    new_context: Callable[..., BrowserContext],
    olive: User,
    ada: User,
    goods: ProductConfiguration,
) -> None:
    made = make_code(sign_in(page, olive))
    buyer = sign_in(new_context().new_page(), ada)
    buyer.goto(f"{goods.get_absolute_url()}?code=summer")
    expect(LinkCode(buyer).price_notes).to_contain_text("$23.20")
    made.switch_off_button.press("Enter")
    expect(made.messages).to_contain_text("switched off")
    ProductPage(buyer).buy()
    expect(buyer.get_by_text("The code SUMMER was not used. It is no longer valid.")).to_be_visible()
    ProductPage(buyer).buy()
    expect(HostedCheckout(buyer).summary).to_contain_text("$29.00")


@both_screens
def test_pages_of_codes_are_accessible_and_fit(page: Page, olive: User, goods: ProductConfiguration) -> None:
    sign_in(page, olive)
    make_code(page)
    for path in (page.url, f"{CODES}add/", CODES):
        page.goto(path)
        assert is_as_wide_as_the_window(page), path
        found = Axe().run(page, context="#content")
        assert not found.response["violations"], (path, found.generate_report())
    page.goto(f"{CODES}add/")
    NewCodePage(page).create_button.click()
    expect(NewCodePage(page).errors.first).to_be_visible()
    page.goto(f"{goods.get_absolute_url()}?code=SUMMER")
    assert not Axe().run(page, context="main").response["violations"]
