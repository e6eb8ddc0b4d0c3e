"""Payments of an order: renewals, refunds and disputes of earlier ones, receipts on screen and on paper."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from apps.ecommerce.models import Payment, ProductConfiguration, Purchase
from apps.users.models import User
from tests.e2e import scenes, stripe_changes
from tests.e2e.pages.account import Mailbox
from tests.e2e.pages.library import GatedPage, Library
from tests.e2e.pages.purchase import PurchasePage, ReceiptPage
from tests.e2e.screens import on_phone, without_javascript
from tests.e2e.users import open_new_order, sign_in

pytestmark = pytest.mark.usefixtures("fast_polling")


@pytest.fixture
def renewed(page: Page, ada: User) -> PurchasePage:
    """Return the open page of a subscription that was renewed once."""
    seen = open_new_order(page, ada, "workshop")
    expect(seen.payments).to_have_count(1)
    stripe_changes.renew(Purchase.objects.get())
    expect(seen.payments).to_have_count(2)
    return seen


@on_phone
def test_renewal_shows_a_new_payment_and_its_receipt(renewed: PurchasePage) -> None:
    newest, page = Payment.objects.first(), renewed.page
    assert newest
    assert newest.period_end
    expect(renewed.payments.first).to_contain_text(str(newest.period_end.year))
    expect(renewed.receipt_links).to_have_count(2)
    renewed.receipt_links.first.click()
    expect(page).to_have_url(page.url.split("/purchases/")[0] + newest.get_absolute_url())

    receipt = ReceiptPage(page)
    expect(receipt.sheet).to_contain_text("The Workshop")
    expect(receipt.sheet).to_contain_text("$9.00")
    expect(receipt.sheet).to_contain_text(newest.invoice_number)
    expect(receipt.print_button).to_be_visible()
    receipt.back_link.click()
    expect(renewed.in_state("active")).to_be_visible()


def test_renewal_email_leads_to_the_receipt(renewed: PurchasePage, settings: Any) -> None:
    settings.DEBUG = True
    Mailbox(renewed.page).open_link_in("The Workshop")
    expect(ReceiptPage(renewed.page).sheet).to_contain_text("$9.00")


def test_refund_of_last_months_payment_keeps_access(renewed: PurchasePage) -> None:
    stripe_changes.refund(Payment.objects.earliest("created_at"), 500)
    expect(renewed.payments.last).to_contain_text("−$5.00")
    expect(renewed.payments.first).not_to_contain_text("−")
    expect(renewed.in_state("active")).to_be_visible()
    expect(renewed.open_link).to_be_visible()
    renewed.receipt_links.last.click()
    expect(ReceiptPage(renewed.page).sheet).to_contain_text("$4.00")
    expect(GatedPage(renewed.page).goto("workshop").heading).to_have_text("The Workshop")


def test_dispute_of_last_months_payment_keeps_access(renewed: PurchasePage) -> None:
    stripe_changes.dispute(Payment.objects.earliest("created_at"))
    expect(renewed.payments.last.locator(".badge--bad")).to_be_visible()
    expect(renewed.payments.first.locator(".badge--good")).to_be_visible()
    expect(renewed.in_state("active")).to_be_visible()
    expect(GatedPage(renewed.page).goto("workshop").heading).to_have_text("The Workshop")


def test_refunded_subscription_can_be_canceled_from_the_library(renewed: PurchasePage) -> None:
    stripe_changes.refund(Payment.objects.latest("created_at"))
    expect(renewed.in_state("refunded_running")).to_be_visible()
    expect(renewed.open_link).to_be_hidden()
    library = Library(renewed.page).goto()
    expect(library.card("The Workshop")).to_have_count(0)
    renewed.page.get_by_role("main").get_by_role("link", name="Cancel subscription").click()
    renewed.cancel_button.click()
    expect(renewed.in_state("canceled")).to_be_visible()
    assert not Purchase.objects.get().will_be_charged_again


def test_failed_renewal_can_be_paid_on_the_invoice_page(renewed: PurchasePage) -> None:
    stripe_changes.renew(Purchase.objects.get(), fails=True)
    expect(renewed.payments).to_have_count(3)
    expect(renewed.payments.first.locator(".badge--bad")).to_be_visible()
    expect(renewed.receipt_links).to_have_count(2)
    renewed.payments.first.get_by_role("link", name="Pay now").click()
    expect(renewed.page.get_by_role("main")).to_contain_text("$9.00")
    expect(renewed.page.get_by_role("main")).to_contain_text("The Workshop")


def test_one_time_purchase_has_no_list_of_payments(
    page: Page, ada: User, goods: ProductConfiguration
) -> None:
    seen = open_new_order(page, ada, goods.slug)
    expect(seen.payments).to_have_count(0)
    seen.receipt_links.click()
    expect(ReceiptPage(page).sheet).to_contain_text("$29.00")


@without_javascript
def test_receipt_and_earlier_payments_need_no_javascript(page: Page, ada: User, shop: None) -> None:
    scenes.show(sign_in(page, ada), scenes.payment_scenes(ada)[0])
    seen = PurchasePage(page)
    expect(seen.payments).to_have_count(6)
    seen.main.locator(".payments__earlier > summary").click()
    expect(seen.payments).to_have_count(Payment.objects.count())
    seen.receipt_links.last.click()
    receipt = ReceiptPage(page)
    expect(receipt.sheet).to_be_visible()
    expect(receipt.print_button).to_be_hidden()


def test_printed_pages_have_no_buttons(page: Page, ada: User, shop: None) -> None:
    order, receipt = scenes.payment_scenes(ada)[:2]
    page.emulate_media(media="print", color_scheme="dark")
    scenes.show(sign_in(page, ada), order)
    expect(PurchasePage(page).payments).to_have_count(Payment.objects.count())
    expect_only_text(page)
    scenes.show(page, receipt)
    expect(ReceiptPage(page).sheet).to_be_visible()
    expect_only_text(page)


def expect_only_text(page: Page) -> None:
    for part in (page.get_by_role("banner"), page.get_by_role("contentinfo")):
        expect(part).to_have_count(0)
    for control in (page.get_by_role("button"), page.get_by_role("link")):
        expect(control).to_have_count(0)
