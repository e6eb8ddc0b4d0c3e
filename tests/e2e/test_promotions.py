"""Promotion codes on the hosted page; the store shows Stripe's amounts."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from apps.ecommerce.models import ProductConfiguration, Purchase
from apps.users.models import User
from tests.e2e import stripe_changes
from tests.e2e.journeys import go_to_checkout
from tests.e2e.pages.purchase import PurchasePage
from tests.e2e.screens import on_phone
from tests.e2e.users import sign_in


@pytest.fixture(autouse=True)
def _allow_codes(settings: Any) -> None:
    settings.CHECKOUT_PROMOTION_CODES = True


@on_phone
def test_code_reduces_the_amount_by_a_fifth(page: Page, ada: User, goods: ProductConfiguration) -> None:
    stripe_changes.create_promotion_code("HELLO20", percent_off=20)
    checkout = go_to_checkout(sign_in(page, ada), goods.slug)
    checkout.apply_promotion("HELL0")
    expect(checkout.errors.first).to_be_visible()
    checkout.apply_promotion("hello20")
    expect(checkout.summary).to_contain_text("HELLO20")
    expect(checkout.summary).to_contain_text("$23.20")
    checkout.pay()

    seen = PurchasePage(page)
    expect(seen.in_state("paid")).to_be_visible()
    for amount in ("$29.00", "−$5.80", "$23.20"):
        expect(seen.main).to_contain_text(amount)
    assert Purchase.objects.get().amount_discount == 580


def test_code_for_the_full_amount_needs_no_card(page: Page, ada: User, goods: ProductConfiguration) -> None:
    stripe_changes.create_promotion_code("FRIENDS", percent_off=100)
    checkout = go_to_checkout(sign_in(page, ada), goods.slug)
    checkout.apply_promotion("FRIENDS")
    expect(checkout.card_number).to_be_hidden()
    checkout.submit()
    expect(PurchasePage(page).in_state("free")).to_be_visible()


def test_codes_are_off_without_the_setting(
    page: Page, ada: User, goods: ProductConfiguration, settings: Any
) -> None:
    settings.CHECKOUT_PROMOTION_CODES = False
    expect(go_to_checkout(sign_in(page, ada), goods.slug).promotion_code).to_be_hidden()
