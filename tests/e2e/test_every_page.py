"""Every page in every state: nothing for axe, a thumb, a keyboard, a narrow screen or a magnifier to complain about."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from apps.ecommerce.models import ProductConfiguration, Purchase
from apps.users.models import User
from tests.e2e import meanwhile, scenes
from tests.e2e.cast import sign_in
from tests.e2e.inspect_page import complaints
from tests.e2e.journeys import buy, to_checkout
from tests.e2e.pages.hosted_checkout import HostedCheckout
from tests.e2e.pages.portal import Portal
from tests.e2e.pages.purchase import PurchasePage


def walk(page: Page, through: Iterable[scenes.Scene]) -> None:
    """Looks at all of them, and only then judges: one run shows everything there is to mend."""
    found = []
    for scene in through:
        scenes.show(page, scene)
        found += complaints(page, scene.name)
    assert not found, "\n".join(found)


def nothing_to_complain_about(page: Page) -> None:
    found = complaints(page)
    assert not found, "\n".join(found)


def test_pages_for_visitors(page: Page, goods: ProductConfiguration) -> None:
    walk(page, scenes.FOR_VISITORS)


def test_pages_for_developers(page: Page, goods: ProductConfiguration, settings: Any) -> None:
    settings.DEBUG = True
    walk(page, scenes.FOR_DEVELOPERS)


def test_pages_of_a_buyer(page: Page, ada: User, goods: ProductConfiguration) -> None:
    walk(sign_in(page, ada), scenes.of_a_buyer(ada))


def test_pages_about_security(page: Page, ada: User, shop: None) -> None:
    walk(sign_in(page, ada), scenes.of_security(ada))


@pytest.mark.parametrize("half", [0, 1])
def test_every_state_of_a_purchase(page: Page, ada: User, goods: ProductConfiguration, half: int) -> None:
    walk(sign_in(page, ada), scenes.of_every_state(ada)[half::2])


def test_shops_that_are_hard_to_make_look_good(page: Page, goods: ProductConfiguration) -> None:
    walk(page, scenes.of_extremes())


# --- what only a real way through the shop reaches ----------------------------------------------------------


def test_the_hosted_page_with_errors(page: Page, ada: User, goods: ProductConfiguration) -> None:
    checkout = to_checkout(sign_in(page, ada), goods.slug)
    nothing_to_complain_about(page)
    checkout.submit()
    expect(checkout.errors.first).to_be_visible()
    nothing_to_complain_about(page)


def _cancelled(page: Page, slug: str) -> None:
    to_checkout(page, slug).back_link.click()


def _challenged(page: Page, slug: str) -> None:
    to_checkout(page, slug).pay("4000 0027 6000 3184")
    HostedCheckout(page).challenge_button.wait_for()


@pytest.mark.parametrize("reach", [_cancelled, _challenged])
def test_pages_after_the_buy_button(
    page: Page, ada: User, goods: ProductConfiguration, reach: Callable[[Page, str], None]
) -> None:
    reach(sign_in(page, ada), goods.slug)
    nothing_to_complain_about(page)


@pytest.mark.usefixtures("attentive")
def test_the_portal_of_a_subscription(page: Page, ada: User) -> None:
    seen, portal = PurchasePage(sign_in(page, ada)), Portal(page)
    buy(page, "workshop")
    expect(seen.heading).to_have_text("You are subscribed")
    purchase = Purchase.objects.get()
    seen.goto(purchase)
    meanwhile.renewal(purchase, fails=True)
    expect(seen.heading).to_contain_text("Payment failed")
    walk(page, [scenes.at("past-due", "/purchases/workshop/")])

    seen.goto(purchase).card_button.click()
    expect(portal.alert).to_be_visible()
    nothing_to_complain_about(page)
    portal.cancel_link.click()
    nothing_to_complain_about(page)
    page.go_back()
    portal.update_card("4000 0000 0000 0002")
    expect(page.get_by_text("Your card has been declined.")).to_be_visible()
    nothing_to_complain_about(page)
    portal.type_card("4242 4242 4242 4242")
    portal.cancel()
    expect(portal.keep_button).to_be_visible()
    nothing_to_complain_about(page)


def test_promotions_and_mails(page: Page, ada: User, goods: ProductConfiguration, settings: Any) -> None:
    settings.DEBUG = settings.CHECKOUT_PROMOTION_CODES = True
    meanwhile.promotion("HELLO20", percent_off=20)
    checkout = to_checkout(sign_in(page, ada), "quiet-hours")
    checkout.apply_promotion("HELLO20")
    expect(checkout.summary).to_contain_text("HELLO20")
    nothing_to_complain_about(page)
    checkout.pay_by_debit("AT32 1904 3002 3547 3204")
    expect(PurchasePage(page).heading).to_have_text("Waiting for the bank")
    mails = ["", "waiting/html/", "renewal_failed/html/"]
    walk(page, [scenes.at(f"mail {mail}", f"/dev/mail/previews/{mail}") for mail in mails])
