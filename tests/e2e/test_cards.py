"""Cards on the hosted page: declined, 3D Secure, mistyped, and checkouts that the buyer leaves."""

import pytest
from playwright.sync_api import Page, expect

from apps.ecommerce.models import ProductConfiguration, Purchase
from apps.users.models import User
from tests.e2e.journeys import go_to_checkout
from tests.e2e.pages.hosted_checkout import THREE_D_SECURE, VISA, HostedCheckout
from tests.e2e.pages.purchase import PurchasePage
from tests.e2e.screens import both_screens, on_phone
from tests.e2e.users import sign_in

DECLINED = "Your card has been declined."
DECLINES = {
    "4000 0000 0000 0002": DECLINED,
    "4000 0000 0000 9995": "Your card has insufficient funds.",
    "4000 0000 0000 9987": DECLINED,
    "4000 0000 0000 9979": DECLINED,
    "4000 0000 0000 0069": "Your card has expired.",
    "4000 0000 0000 0127": "Your card's security code is incorrect.",
    "4000 0000 0000 0119": "An error occurred while processing your card.",
    "4000 0000 0000 6975": "Your card was declined for making repeated attempts too frequently",
    "4100 0000 0000 0019": DECLINED,
}
DECLINED_AFTER_3D_SECURE = "4000 0084 0000 1629"
TYPING_ERRORS = [
    ({"card": "4242 4242 4242 4241"}, "Your card number is invalid."),
    ({"card": "4242 4242"}, "Your card number is incomplete."),
    ({"card": VISA, "expiry": "01 / 20"}, "Your card's expiration year is in the past."),
    ({"card": VISA, "cvc": "1"}, "Your card's security code is incomplete."),
]


@on_phone
def test_each_mistyped_and_declined_card_then_a_good_one_on_the_same_page(
    page: Page, ada: User, goods: ProductConfiguration
) -> None:
    checkout = go_to_checkout(sign_in(page, ada), goods.slug)
    session = checkout.session_id
    for typed, complaint in TYPING_ERRORS:
        checkout.fill(**typed)
        checkout.submit()
        expect(checkout.errors.filter(has_text=complaint).first).to_be_visible()
    for card, reason in DECLINES.items():
        checkout.pay(card)
        expect(checkout.errors.filter(has_text=reason).first).to_be_visible()
        assert checkout.session_id == session
    checkout.pay(DECLINED_AFTER_3D_SECURE)
    checkout.complete_challenge()
    expect(checkout.errors.filter(has_text=DECLINED).first).to_be_visible()

    checkout.pay(VISA)
    expect(PurchasePage(page).in_state("paid")).to_be_visible()
    assert Purchase.objects.count() == 1


@pytest.mark.stripe
def test_declined_card_then_a_good_one(page: Page, ada: User, goods: ProductConfiguration) -> None:
    checkout = go_to_checkout(sign_in(page, ada), goods.slug)
    checkout.pay("4000 0000 0000 0002")
    expect(checkout.errors.filter(has_text=DECLINED).first).to_be_visible()
    checkout.pay(VISA)
    expect(PurchasePage(page).in_state("paid")).to_be_visible()


@both_screens
@pytest.mark.stripe
def test_failed_3d_secure_can_be_tried_again(page: Page, ada: User, goods: ProductConfiguration) -> None:
    checkout = go_to_checkout(sign_in(page, ada), goods.slug)
    checkout.pay(THREE_D_SECURE)
    checkout.fail_challenge()
    expect(checkout.errors.filter(has_text="unable to authenticate").first).to_be_visible()
    checkout.pay(THREE_D_SECURE)
    checkout.complete_challenge()
    expect(PurchasePage(page).in_state("paid")).to_be_visible()


@on_phone
@pytest.mark.stripe
def test_back_link_charges_nothing_and_buying_again_works(
    page: Page, ada: User, goods: ProductConfiguration
) -> None:
    go_to_checkout(sign_in(page, ada), goods.slug).back_link.click()
    purchase = PurchasePage(page)
    expect(purchase.in_state("canceled_by_buyer")).to_be_visible()

    purchase.pay_button.click()
    HostedCheckout(page).pay()
    expect(purchase.in_state("paid")).to_be_visible()
    assert Purchase.objects.count() == 1
