"""A buyer corrects the name, address and tax id on a receipt."""

from playwright.sync_api import Page, expect

from apps.ecommerce.models import Payment, ProductConfiguration
from apps.users.models import User
from tests.e2e.inspect_page import problems
from tests.e2e.pages.purchase import BillingDetailsPage, ReceiptPage
from tests.e2e.screens import on_phone, without_javascript
from tests.e2e.users import buy_without_browser, sign_in


def open_form(page: Page, user: User, slug: str) -> BillingDetailsPage:
    """Open the form from a receipt, and fill it with a tax id that is too short."""
    buy_without_browser(user, slug)
    sign_in(page, user).goto(Payment.objects.get().get_absolute_url())
    ReceiptPage(page).billing_details_link.click()
    form = BillingDetailsPage(page)
    expect(form.field("country")).to_have_value("GB")  # the country entered at the checkout
    form.field("country").select_option("DE")
    form.fill(name="Ada GmbH", line1="Torstr. 1", postal_code="10115", city="Berlin", tax_id="DE12345")
    form.field("tax_id").press("Enter")
    expect(form.errors).to_have_count(1)
    expect(form.field("tax_id")).to_have_attribute("aria-invalid", "true")
    expect(form.field("name")).to_have_value("Ada GmbH")
    return form


@on_phone
@without_javascript
def test_receipt_shows_the_corrected_details(page: Page, ada: User, goods: ProductConfiguration) -> None:
    form = open_form(page, ada, goods.slug)
    form.fill(tax_id="DE 123 456 789")
    form.field("tax_id").press("Enter")
    for line in ("Ada GmbH", "Torstr. 1", "10115 Berlin", "DE123456789"):
        expect(ReceiptPage(page).sheet).to_contain_text(line)


@on_phone
def test_form_with_an_error_has_no_problems(page: Page, ada: User, goods: ProductConfiguration) -> None:
    open_form(page, ada, goods.slug)
    assert not problems(page)
