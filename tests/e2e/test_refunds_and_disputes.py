"""Refunds and disputes show on an open page without a reload."""

import re

import pytest
from playwright.sync_api import Page, expect

from apps.ecommerce.models import ProductConfiguration, Purchase
from apps.users.models import User
from tests.e2e import stripe_changes
from tests.e2e.pages.library import GatedPage, Library
from tests.e2e.pages.product import ProductPage
from tests.e2e.screens import on_phone
from tests.e2e.users import open_new_order

pytestmark = pytest.mark.usefixtures("fast_polling")

DISPUTED_LATER = "4000000000000259"


@on_phone
def test_partial_then_full_refund_shows_on_the_open_page(
    page: Page, ada: User, goods: ProductConfiguration
) -> None:
    seen = open_new_order(page, ada, goods.slug)
    expect(seen.in_state("paid")).to_be_visible()
    page.evaluate("window.neverReloaded = true")
    purchase = Purchase.objects.get()

    stripe_changes.refund(purchase, 900)
    expect(seen.in_state("partially_refunded")).to_be_visible()
    expect(seen.main).to_contain_text("−$9.00")
    expect(seen.open_link).to_be_visible()
    expect(seen.receipt_links).to_have_count(1)

    stripe_changes.refund(purchase)
    expect(seen.in_state("refunded")).to_be_visible()
    expect(seen.main).to_contain_text("−$29.00")
    expect(seen.open_link).to_be_hidden()
    expect(seen.steps).to_have_count(3)  # checkout, paid, refunded
    assert page.evaluate("window.neverReloaded")

    page.goto(f"/purchases/{goods.slug}/")
    expect(page).not_to_have_url(re.compile(rf"/purchases/{goods.slug}/$"))
    expect(Library(page).goto().card(goods.product.name)).to_have_count(0)
    expect(page.get_by_role("listitem").filter(has_text=goods.product.name)).to_contain_text("Refunded")
    expect(ProductPage(page).goto(goods.slug).buy_button).to_be_visible()


def test_opened_and_won_dispute_shows_on_the_open_page(
    page: Page, ada: User, goods: ProductConfiguration
) -> None:
    seen = open_new_order(page, ada, goods.slug, DISPUTED_LATER)
    expect(seen.in_state("paid")).to_be_visible()
    purchase = Purchase.objects.get()

    stripe_changes.open_dispute(purchase)
    expect(seen.in_state("disputed")).to_be_visible()
    expect(seen.open_link).to_be_hidden()
    expect(seen.main.locator(".state__actions a[href^='mailto:']")).to_be_visible()

    stripe_changes.win_dispute(purchase)
    expect(seen.in_state("paid")).to_be_visible()
    expect(GatedPage(page).goto(goods.slug).heading).to_have_text(goods.product.name)
