"""What a payment can become, for everybody: axe and a narrow screen, as in test_every_page, along two long walks."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from apps.ecommerce.models import ProductConfiguration, Purchase
from apps.users.models import User
from tests.e2e import meanwhile
from tests.e2e.cast import sign_in
from tests.e2e.journeys import buy, to_checkout
from tests.e2e.pages.portal import Portal
from tests.e2e.pages.purchase import PurchasePage
from tests.e2e.test_every_page import complaints, complaints_about

pytestmark = pytest.mark.usefixtures("attentive")


def test_a_subscription_and_its_portal(page: Page, ada: User) -> None:
    seen, portal = PurchasePage(sign_in(page, ada)), Portal(page)
    buy(page, "workshop")
    expect(seen.heading).to_have_text("You are subscribed")
    assert complaints_about(page, ["/purchases/workshop/"]) == ""
    purchase = Purchase.objects.get()
    seen.goto(purchase)
    meanwhile.renewal(purchase, fails=True)
    expect(seen.heading).to_contain_text("Payment failed")
    assert complaints(page) == []
    assert complaints_about(page, ["/purchases/", "/purchases/workshop/"]) == ""

    seen.goto(purchase).card_button.click()
    expect(portal.alert).to_be_visible()
    assert complaints(page) == []
    portal.cancel_link.click()
    assert complaints(page) == []
    page.go_back()
    portal.update_card("4000 0000 0000 0002")
    expect(page.get_by_text("Your card has been declined.")).to_be_visible()
    assert complaints(page) == []
    portal.type_card("4242 4242 4242 4242")
    portal.cancel()
    expect(portal.keep_button).to_be_visible()
    assert complaints(page) == []
    portal.leave()
    expect(seen.heading).to_contain_text("ends on")
    assert complaints(page) == []


def test_debits_refunds_and_mails(page: Page, ada: User, goods: ProductConfiguration, settings: Any) -> None:
    settings.DEBUG = settings.CHECKOUT_PROMOTION_CODES = True
    meanwhile.promotion("HELLO20", percent_off=20)
    seen = PurchasePage(sign_in(page, ada))
    checkout = to_checkout(page, "quiet-hours")
    checkout.apply_promotion("HELLO20")
    expect(checkout.summary).to_contain_text("HELLO20")
    assert complaints(page) == []
    checkout.pay_by_debit("AT32 1904 3002 3547 3204")
    expect(seen.heading).to_have_text("Waiting for the bank")
    assert complaints(page) == []

    expect(buy(page, goods.slug).heading).to_have_text("Paid. It is yours.")
    meanwhile.refund(Purchase.objects.get(product=goods.product), 900)
    expect(seen.heading).to_have_text("Partly refunded")
    assert complaints(page) == []
    mails = ["", "waiting/html/", "renewal_failed/html/"]
    assert complaints_about(page, [f"/dev/mail/previews/{mail}" for mail in mails]) == ""
