"""Upgrades of a one-time price, and plan changes of a subscription."""

from playwright.sync_api import Page, expect

from apps.ecommerce.models import Purchase
from apps.users.models import User
from tests.e2e import stripe_changes
from tests.e2e.journeys import RETURN
from tests.e2e.pages.hosted_checkout import HostedCheckout
from tests.e2e.pages.portal import Portal
from tests.e2e.pages.product import ProductPage
from tests.e2e.pages.purchase import PurchasePage
from tests.e2e.screens import on_phone
from tests.e2e.users import buy_without_browser, open_new_order, sign_in


@on_phone
def test_owner_upgrades_for_the_difference(page: Page, ada: User) -> None:
    first = buy_without_browser(ada, "tiny-tools")
    stripe_changes.add_price("tiny-tools", 9900)
    product = ProductPage(sign_in(page, ada)).goto("tiny-tools")
    product.upgrade_button.click()
    checkout = HostedCheckout(page)
    checkout.wait_until_ready()
    checkout.pay()
    page.wait_for_url(RETURN)
    expect(PurchasePage(page).in_state("paid")).to_be_visible()
    upgrade = Purchase.objects.latest("pk")
    assert upgrade.upgrade_of == first
    assert upgrade.amount_total == upgrade.price.unit_amount - first.amount_total


def test_subscriber_changes_from_monthly_to_yearly(page: Page, ada: User) -> None:
    order = open_new_order(page, ada, "workshop")
    order.change_plan("Yearly")
    portal = Portal(page)
    expect(portal.main).to_contain_text("$81")  # the amount due today
    portal.confirm_button.click()
    expect(order.in_state("active")).to_be_visible()
    expect(order.payments).to_have_count(2)
    expect(order.main).to_contain_text("$90 / year")
