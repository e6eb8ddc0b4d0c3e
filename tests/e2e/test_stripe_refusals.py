"""Stripe refuses to open a checkout: the buyer reads what it means, and can buy once it is solved."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from apps.ecommerce.models import ProductConfiguration
from apps.users.models import User
from stripe_sandbox import switches
from tests.e2e.journeys import buy
from tests.e2e.pages.library import Library
from tests.e2e.pages.product import ProductPage
from tests.e2e.pages.store import Store
from tests.e2e.screens import on_phone
from tests.e2e.users import sign_in

LATER = "Please try again in a minute."
PROBLEM = "We can't take payments right now."
GONE = "This price is no longer available."
REFUSED: Any = {"api_times": 1, "api_path": "POST /v1/checkout/sessions"}


@on_phone
@pytest.mark.parametrize(
    ("refusal", "text"),
    [
        ({"api_status": 429, "api_times": 9}, LATER),
        ({"no_business_name": True}, PROBLEM),
        ({"cannot_charge": True}, PROBLEM),
        ({"missing_permissions": ["checkout_session_write"]}, PROBLEM),
        ({"api_status": 400, "api_code": "a_code_of_next_year", **REFUSED}, PROBLEM),
    ],
)
def test_buyer_can_buy_once_a_refusal_is_solved(
    page: Page, ada: User, goods: ProductConfiguration, refusal: Any, text: str
) -> None:
    switches.change(**refusal)
    product = ProductPage(sign_in(page, ada)).goto(goods.slug)
    product.buy()
    expect(Store(page).messages).to_contain_text(text)
    expect(Store(page).messages).to_contain_text("You have not been charged.")
    expect(Library(page).goto().others).to_have_count(0)
    switches.change(
        no_business_name=False, cannot_charge=False, missing_permissions=[], api_times=0, api_status=0
    )
    expect(buy(page, goods.slug).in_state("paid")).to_be_visible()


@on_phone
def test_price_that_stripe_refuses_is_not_offered_again(
    page: Page, ada: User, goods: ProductConfiguration
) -> None:
    product = ProductPage(sign_in(page, ada)).goto(goods.slug)
    switches.change(api_status=400, api_code="amount_too_small", **REFUSED)
    product.buy()
    expect(Store(page).messages).to_contain_text(GONE)
    store = Store(page).goto()
    expect(store.cards.first).to_be_visible()
    expect(store.card(goods.product.name)).to_have_count(0)


# https://docs.stripe.com/error-codes and https://docs.stripe.com/api/errors
DOCUMENTED = [
    (409, "idempotency_key_in_use", LATER),
    (503, "", LATER),
    (400, "taxes_calculation_failed", LATER),
    (401, "api_key_expired", PROBLEM),
    (400, "account_invalid", PROBLEM),
    (400, "stripe_tax_inactive", PROBLEM),
    (400, "testmode_charges_only", PROBLEM),
    (400, "url_invalid", PROBLEM),
    (400, "email_invalid", "does not accept your e-mail address"),
    (400, "customer_max_subscriptions", "You have too many subscriptions."),
    (400, "amount_too_large", GONE),
]


@on_phone
def test_buyer_reads_what_each_refusal_means(page: Page, ada: User, goods: ProductConfiguration) -> None:
    """The last refusal is about the price, which the store then stops offering."""
    product = ProductPage(sign_in(page, ada))
    for status, code, text in DOCUMENTED:
        product.goto(goods.slug)
        switches.change(**{**REFUSED, "api_times": 9, "api_status": status, "api_code": code})
        product.buy()
        expect(Store(page).messages).to_contain_text(text)
        switches.change(api_times=0, api_status=0)
    expect(Library(page).goto().others).to_have_count(0)
