"""The second purchase of a buyer who has agreed to save the card."""

import pytest
from playwright.sync_api import Page, expect

from apps.ecommerce.models import ProductConfiguration, Purchase
from apps.users.models import User
from tests.e2e.journeys import RETURN, go_to_checkout
from tests.e2e.pages.hosted_checkout import VISA, HostedCheckout
from tests.e2e.pages.product import ProductPage
from tests.e2e.pages.purchase import PurchasePage
from tests.e2e.screens import both_screens, on_phone, without_javascript
from tests.e2e.users import sign_in

OTHER = "quiet-hours"  # in euros, so that the page has two payment methods
CARDS_ONLY = "launch-pages"
COUNT_CLICKS = "addEventListener('click', (event) => { if (event.isTrusted) countClick(); }, true)"


def buy_first(page: Page, goods: ProductConfiguration, *, save: bool) -> None:
    checkout = go_to_checkout(page, goods.slug)
    checkout.fill(VISA)
    checkout.save_card.set_checked(save)
    checkout.submit()
    page.wait_for_url(RETURN)
    expect(PurchasePage(page).in_state("paid")).to_be_visible()


@both_screens
def test_second_purchase_takes_two_clicks_and_no_card_field(
    page: Page, ada: User, goods: ProductConfiguration
) -> None:
    clicks: list[str] = []
    page.expose_function("countClick", lambda: clicks.append(page.url))
    page.add_init_script(COUNT_CLICKS)
    buy_first(sign_in(page, ada), goods, save=True)
    product, checkout = ProductPage(page).goto(OTHER), HostedCheckout(page)
    clicks.clear()

    product.buy()
    expect(checkout.saved_cards).to_be_checked()
    expect(page.get_by_role("radio", name="Visa •••• 4242 12 / 34")).to_be_checked()
    for field in (checkout.card_number, checkout.expiry, checkout.cvc, checkout.name, checkout.country):
        expect(field).to_be_hidden()
    expect(checkout.email).not_to_be_editable()
    checkout.submit()

    expect(PurchasePage(page).in_state("paid")).to_be_visible()
    assert len(clicks) == 2, clicks
    assert Purchase.objects.filter(user=ada, status="paid").count() == 2


@on_phone
@without_javascript
def test_second_purchase_without_javascript(page: Page, ada: User, goods: ProductConfiguration) -> None:
    buy_first(sign_in(page, ada), goods, save=True)
    checkout = go_to_checkout(page, CARDS_ONLY)
    expect(checkout.card_number).to_be_hidden()
    checkout.submit()
    expect(PurchasePage(page).in_state("paid")).to_be_visible()


@on_phone
def test_second_purchase_by_keyboard(page: Page, ada: User, goods: ProductConfiguration) -> None:
    buy_first(sign_in(page, ada), goods, save=True)
    checkout = go_to_checkout(page, OTHER)
    checkout.saved_cards.focus()
    page.keyboard.press("Enter")
    expect(PurchasePage(page).in_state("paid")).to_be_visible()


@on_phone
def test_card_is_asked_again_without_consent(page: Page, ada: User, goods: ProductConfiguration) -> None:
    checkout = go_to_checkout(sign_in(page, ada), goods.slug)
    expect(checkout.save_card).not_to_be_checked()
    buy_first(page, goods, save=False)
    checkout = go_to_checkout(page, OTHER)
    expect(checkout.card_number).to_be_visible()
    expect(checkout.saved_cards).to_have_count(0)


@on_phone
def test_removed_card_is_not_offered(page: Page, ada: User, goods: ProductConfiguration) -> None:
    buy_first(sign_in(page, ada), goods, save=True)
    checkout = go_to_checkout(page, OTHER)
    checkout.remove_card("Visa •••• 4242")
    expect(checkout.saved_cards).to_have_count(0)
    expect(checkout.card_number).to_be_visible()
    checkout = go_to_checkout(page, OTHER)
    expect(checkout.saved_cards).to_have_count(0)
    checkout.pay()
    expect(PurchasePage(page).in_state("paid")).to_be_visible()


@on_phone
@pytest.mark.parametrize("save", [True, False])
def test_other_card_can_be_used(page: Page, ada: User, goods: ProductConfiguration, save: bool) -> None:
    buy_first(sign_in(page, ada), goods, save=True)
    checkout = go_to_checkout(page, OTHER)
    checkout.new_card.check()
    checkout.fill("5555 5555 5555 4444")
    checkout.save_card.set_checked(save)
    checkout.submit()
    expect(PurchasePage(page).in_state("paid")).to_be_visible()
    expect(PurchasePage(page).main).to_contain_text("4444")
    expect(go_to_checkout(page, CARDS_ONLY).saved_cards).to_have_count(1 + save)
