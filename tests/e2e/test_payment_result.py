"""The page after payment shows Stripe's state, whether webhooks are early, late, repeated or missing."""

import pytest
from playwright.sync_api import Page, expect

from apps.ecommerce.models import ProductConfiguration, Purchase, WebhookEvent
from apps.users.models import User
from stripe_sandbox import switches
from tests.e2e import stripe_changes
from tests.e2e.journeys import buy, go_to_checkout, wait_until
from tests.e2e.pages.hosted_checkout import HostedCheckout
from tests.e2e.pages.library import Library
from tests.e2e.pages.purchase import PurchasePage
from tests.e2e.screens import on_phone
from tests.e2e.users import sign_in


@on_phone
def test_late_confirmation_shows_without_a_reload(page: Page, ada: User, goods: ProductConfiguration) -> None:
    switches.change(late_seconds=3)
    purchase = buy(sign_in(page, ada), goods.slug)
    expect(purchase.in_state("confirming")).to_be_visible()
    page.evaluate("window.neverReloaded = true")

    expect(purchase.in_state("paid")).to_be_visible()
    assert page.evaluate("window.neverReloaded")
    expect(purchase.open_link).to_be_visible()


def test_late_payment_without_webhooks_shows_without_a_reload(
    page: Page, ada: User, goods: ProductConfiguration
) -> None:
    switches.change(late_seconds=2, drop=["*"])
    purchase = buy(sign_in(page, ada), goods.slug)
    expect(purchase.in_state("confirming")).to_be_visible()
    expect(purchase.in_state("paid")).to_be_visible()
    expect(Library(page).goto().card(goods.product.name)).to_be_visible()
    assert not WebhookEvent.objects.exists()


def test_late_duplicate_webhook_does_not_delay_the_page(
    page: Page, ada: User, goods: ProductConfiguration
) -> None:
    switches.change(delay_seconds=3, duplicate=True)
    purchase = buy(sign_in(page, ada), goods.slug)
    expect(purchase.in_state("paid")).to_be_visible()


@pytest.mark.stripe
def test_webhook_is_verified_and_processed(page: Page, ada: User, goods: ProductConfiguration) -> None:
    expect(buy(sign_in(page, ada), goods.slug).in_state("paid")).to_be_visible()
    completed = WebhookEvent.objects.filter(type="checkout.session.completed", error="")
    wait_until(page, completed.exclude(processed_at=None).exists)


@pytest.mark.stripe
def test_page_is_the_same_when_opened_again(page: Page, ada: User, goods: ProductConfiguration) -> None:
    purchase = buy(sign_in(page, ada), goods.slug)
    expect(purchase.in_state("paid")).to_be_visible()
    page.reload()
    expect(purchase.in_state("paid")).to_be_visible()
    page.goto(Purchase.objects.get().get_absolute_url())
    expect(purchase.in_state("paid")).to_be_visible()
    expect(purchase.main).to_contain_text("4242")


def test_unpaid_checkout_is_never_called_paid(page: Page, ada: User, goods: ProductConfiguration) -> None:
    checkout = go_to_checkout(sign_in(page, ada), goods.slug)
    page.goto(f"/store/checkout/return/?session_id={checkout.session_id}")
    expect(PurchasePage(page).in_state("confirming")).to_be_visible()
    expect(PurchasePage(page).open_link).to_be_hidden()


@on_phone
def test_expired_checkout_can_be_bought_again(page: Page, ada: User, goods: ProductConfiguration) -> None:
    go_to_checkout(sign_in(page, ada), goods.slug)
    stripe_changes.expire_checkout(Purchase.objects.get())
    page.reload()  # the hosted page shows the expiry
    expect(page.get_by_role("heading", level=1)).to_have_text("This checkout has expired")
    page.get_by_role("link", name="Back to").click()

    seen = PurchasePage(page)
    expect(seen.in_state("expired")).to_be_visible()
    seen.retry_button.click()
    HostedCheckout(page).pay()
    expect(seen.in_state("paid")).to_be_visible()
    assert sorted(Purchase.objects.values_list("status", flat=True)) == ["expired", "paid"]
