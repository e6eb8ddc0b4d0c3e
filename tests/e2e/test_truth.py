"""The page after paying tells the truth, whenever and whether or not Stripe's webhooks come."""

import pytest
from playwright.sync_api import Page, expect

from apps.ecommerce.models import ProductConfiguration, Purchase, WebhookEvent
from apps.users.models import User
from stripe_sandbox import switches
from tests.e2e import meanwhile
from tests.e2e.cast import sign_in
from tests.e2e.journeys import buy, eventually, to_checkout
from tests.e2e.pages.hosted_checkout import HostedCheckout
from tests.e2e.pages.library import Library
from tests.e2e.pages.purchase import PurchasePage
from tests.e2e.screens import both_screens


@both_screens
def test_a_payment_confirmed_late_shows_up_without_a_reload(
    page: Page, ada: User, goods: ProductConfiguration
) -> None:
    switches.change(late_seconds=3)
    purchase = buy(sign_in(page, ada), goods.slug)
    expect(purchase.heading).to_have_text("Confirming your payment")
    page.evaluate("window.neverReloaded = true")

    expect(purchase.heading).to_have_text("Paid. It is yours.")
    assert page.evaluate("window.neverReloaded")
    expect(purchase.open_link).to_be_visible()


def test_a_late_payment_with_no_webhook_at_all_shows_up_too(
    page: Page, ada: User, goods: ProductConfiguration
) -> None:
    switches.change(late_seconds=2, drop=["*"])
    purchase = buy(sign_in(page, ada), goods.slug)
    expect(purchase.heading).to_have_text("Confirming your payment")
    expect(purchase.heading).to_have_text("Paid. It is yours.")


@both_screens
def test_a_webhook_that_never_comes_changes_nothing(
    page: Page, ada: User, goods: ProductConfiguration
) -> None:
    switches.change(drop=["*"])
    purchase = buy(sign_in(page, ada), goods.slug)
    expect(purchase.heading).to_have_text("Paid. It is yours.")
    expect(Library(page).goto().card(goods.product.name)).to_be_visible()
    assert not WebhookEvent.objects.exists()


def test_a_webhook_that_comes_late_finds_the_work_done(
    page: Page, ada: User, goods: ProductConfiguration
) -> None:
    switches.change(delay_seconds=3, duplicate=True)
    purchase = buy(sign_in(page, ada), goods.slug)
    expect(purchase.heading).to_have_text("Paid. It is yours.")


@pytest.mark.stripe
def test_the_webhook_arrives_signed_and_is_stamped(
    page: Page, ada: User, goods: ProductConfiguration
) -> None:
    expect(buy(sign_in(page, ada), goods.slug).heading).to_have_text("Paid. It is yours.")
    completed = WebhookEvent.objects.filter(type="checkout.session.completed", error="")
    eventually(page, completed.exclude(processed_at=None).exists)


@pytest.mark.stripe
def test_the_page_says_the_same_whenever_it_is_opened_again(
    page: Page, ada: User, goods: ProductConfiguration
) -> None:
    purchase = buy(sign_in(page, ada), goods.slug)
    expect(purchase.heading).to_have_text("Paid. It is yours.")
    page.reload()
    expect(purchase.heading).to_have_text("Paid. It is yours.")
    page.goto(Purchase.objects.get().get_absolute_url())
    expect(purchase.heading).to_have_text("Paid. It is yours.")
    expect(purchase.main).to_contain_text("4242")


def test_an_unpaid_checkout_is_never_called_paid(page: Page, ada: User, goods: ProductConfiguration) -> None:
    checkout = to_checkout(sign_in(page, ada), goods.slug)
    page.goto(f"/store/checkout/return/?session_id={checkout.session_id}")
    expect(PurchasePage(page).heading).to_have_text("Confirming your payment")
    expect(PurchasePage(page).open_link).to_be_hidden()


@both_screens
def test_an_expired_checkout_is_bought_again(page: Page, ada: User, goods: ProductConfiguration) -> None:
    to_checkout(sign_in(page, ada), goods.slug)
    meanwhile.checkout_expires(Purchase.objects.get())
    page.reload()  # the hosted page says so, too
    expect(page.get_by_role("heading", level=1)).to_have_text("This checkout has expired")
    page.get_by_role("link", name="Back to").click()

    seen = PurchasePage(page)
    expect(seen.main).to_contain_text("Nothing was charged; you can start again with the same choice.")
    seen.retry_button.click()
    HostedCheckout(page).pay()
    expect(seen.heading).to_have_text("Paid. It is yours.")
    assert sorted(Purchase.objects.values_list("status", flat=True)) == ["expired", "paid"]
