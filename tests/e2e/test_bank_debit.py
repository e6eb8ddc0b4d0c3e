"""Bank debits, whose result comes days after the order."""

import pytest
from playwright.sync_api import Page, expect

from apps.ecommerce.models import Purchase
from apps.ecommerce.purchases.messages.payment_failures import failure_text
from apps.users.models import User
from tests.e2e import stripe_changes
from tests.e2e.journeys import go_to_checkout
from tests.e2e.pages.hosted_checkout import HostedCheckout
from tests.e2e.pages.library import Library
from tests.e2e.pages.product import ProductPage
from tests.e2e.pages.purchase import PurchasePage
from tests.e2e.screens import on_phone
from tests.e2e.users import sign_in

pytestmark = pytest.mark.usefixtures("fast_polling")

SUCCEEDING_IBAN = "AT32 1904 3002 3547 3204"
FAILING_IBAN = "AT05 1904 3002 3547 3205"


def pay_by_debit(page: Page, iban: str) -> PurchasePage:
    go_to_checkout(page, "quiet-hours").pay_by_debit(iban)
    seen = PurchasePage(page)
    expect(seen.in_state("processing")).to_be_visible()
    expect(seen.open_link).to_be_hidden()
    return seen


@on_phone
def test_paid_debit_opens_the_product(page: Page, ada: User) -> None:
    seen = pay_by_debit(sign_in(page, ada), SUCCEEDING_IBAN)
    purchase = Purchase.objects.get()
    Library(page).goto()
    expect(page.get_by_role("listitem").filter(has_text="Quiet Hours")).to_contain_text("Processing")
    expect(ProductPage(page).goto("quiet-hours").buy_button).to_be_hidden()  # the buyer must not pay twice
    expect(page.locator(f"main a[href='{purchase.get_absolute_url()}']")).to_be_visible()

    seen.goto(purchase)
    stripe_changes.complete_debit(purchase)
    expect(seen.in_state("paid")).to_be_visible()
    seen.open()
    expect(page.get_by_role("heading", level=1)).to_have_text("Quiet Hours")


def test_refused_debit_grants_no_access(page: Page, ada: User) -> None:
    seen = pay_by_debit(sign_in(page, ada), FAILING_IBAN)
    stripe_changes.complete_debit(Purchase.objects.get())
    expect(seen.in_state("failed")).to_be_visible()
    expect(seen.main).to_contain_text(failure_text("generic_could_not_process"))
    seen.retry_button.click()
    HostedCheckout(page).wait_until_ready()
