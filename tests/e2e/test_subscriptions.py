"""Subscriptions in the browser: trial, charges, a declined card, the portal, cancellation."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from apps.ecommerce.models import Purchase
from apps.users.models import User
from tests.e2e import stripe_changes
from tests.e2e.pages.account import Mailbox
from tests.e2e.pages.hosted_checkout import HostedCheckout
from tests.e2e.pages.library import GatedPage, Library
from tests.e2e.pages.portal import Portal
from tests.e2e.pages.product import ProductPage
from tests.e2e.screens import on_phone
from tests.e2e.users import open_new_order

pytestmark = pytest.mark.usefixtures("fast_polling")

DECLINED = "4000 0000 0000 0002"


@on_phone
def test_open_page_follows_trial_renewal_failure_and_new_card(page: Page, ada: User) -> None:
    """The buyer never reloads the page."""
    seen = open_new_order(page, ada, "sunday-letter")
    expect(seen.in_state("trialing")).to_be_visible()
    expect(seen.main).to_contain_text("Trial ends on")
    purchase, portal = Purchase.objects.get(), Portal(page)

    stripe_changes.renew(purchase)
    expect(seen.in_state("active")).to_be_visible()
    first = seen.heading.locator("..").inner_text()

    stripe_changes.renew(purchase)
    expect(seen.heading.locator("..")).not_to_have_text(first)  # a renewal on another date
    expect(seen.in_state("active")).to_be_visible()

    stripe_changes.renew(purchase, fails=True)
    expect(seen.in_state("past_due")).to_be_visible()
    expect(seen.open_link).to_be_visible()  # access lasts during the grace period

    seen.manage_button.click()
    expect(portal.alert).to_contain_text("A payment of $5.00 has failed")
    portal.update_card(DECLINED)
    expect(page.get_by_text("Your card has been declined.")).to_be_visible()
    portal.type_card("5555 5555 5555 4444")
    expect(portal.subscription).to_contain_text("Active")
    expect(portal.invoices.first).to_contain_text("Paid")
    portal.return_to_shop()
    expect(seen.in_state("active")).to_be_visible()
    expect(seen.main).to_contain_text("Mastercard •••• 4444")


def test_cancel_then_resume_then_cancel_at_the_period_end(page: Page, ada: User) -> None:
    seen, portal = open_new_order(page, ada, "workshop"), Portal(page)
    expect(seen.in_state("active")).to_be_visible()
    purchase = Purchase.objects.get()

    seen.manage_button.click()
    portal.cancel()
    expect(portal.subscription).to_contain_text("Ends on")
    portal.resume()
    expect(portal.subscription).to_contain_text("Renews on")
    portal.return_to_shop()
    expect(seen.in_state("active")).to_be_visible()

    seen.manage_button.click()
    portal.cancel()
    portal.return_to_shop()
    expect(seen.in_state("ending")).to_be_visible()
    expect(Library(page).goto().card("The Workshop")).to_contain_text("Ends on")
    # Access lasts until the period's end.
    expect(GatedPage(page).goto("workshop").heading).to_have_text("The Workshop")

    seen.goto(purchase)
    stripe_changes.renew(purchase)
    expect(seen.in_state("canceled")).to_be_visible()
    expect(seen.manage_button).to_be_hidden()
    page.goto("/purchases/workshop/")
    expect(page).not_to_have_url(re.compile("/purchases/workshop/$"))
    expect(ProductPage(page).goto("workshop").buy_button).to_be_visible()


def test_failed_renewal_email_and_end_after_all_retries(page: Page, ada: User, settings: Any) -> None:
    settings.DEBUG = True
    seen = open_new_order(page, ada, "workshop")
    expect(seen.in_state("active")).to_be_visible()
    purchase = Purchase.objects.get()
    stripe_changes.renew(purchase, fails=True)
    expect(seen.in_state("past_due")).to_be_visible()

    Mailbox(page).open_link_in("The Workshop")
    expect(seen.manage_button).to_be_visible()
    stripe_changes.advance_days(purchase, 28)
    expect(seen.in_state("canceled")).to_be_visible()
    seen.retry_button.click()
    HostedCheckout(page).wait_until_ready()
