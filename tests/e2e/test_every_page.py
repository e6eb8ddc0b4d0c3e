"""axe, touch targets, keyboard and zoom checks (inspect_page.py) of every page in every state."""

from collections.abc import Iterable
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.test import Client
from playwright.sync_api import Page, expect

from apps.ecommerce.models import ProductConfiguration, Purchase
from apps.ecommerce.purchases.order_links import order_link
from apps.ecommerce.stripe_api.client import get_client
from apps.users.models import User
from tests import guest_actions
from tests.e2e import scenes, stripe_changes
from tests.e2e.inspect_page import problems
from tests.e2e.journeys import go_to_checkout
from tests.e2e.pages.hosted_checkout import THREE_D_SECURE, VISA
from tests.e2e.pages.portal import Portal
from tests.e2e.pages.purchase import PurchasePage
from tests.e2e.users import open_new_order, sign_in
from tests.factories import create_product


def inspect_scenes(page: Page, scenes_to_check: Iterable[scenes.Scene], *, check_state: bool = False) -> None:
    """Check all scenes, then fail with all problems found. Header and footer are checked again only if they changed."""
    found: list[str] = []
    checked_frames: set[str] = set()
    for scene in scenes_to_check:
        scenes.show(page, scene)
        if check_state:
            state = scene.name.removeprefix("order-").replace("-", "_")
            expect(PurchasePage(page).in_state(state)).to_be_visible()
        found += problems(page, scene.name, checked_frames)
    assert not found, "\n".join(found)


def assert_no_problems(page: Page) -> None:
    found = problems(page)
    assert not found, "\n".join(found)


def test_visitor_pages_have_no_problems(page: Page, goods: ProductConfiguration) -> None:
    inspect_scenes(page, scenes.FOR_VISITORS)


def test_groups_and_facts_have_no_problems(page: Page, goods: ProductConfiguration) -> None:
    inspect_scenes(page, scenes.GROUP_SCENES)


def test_previews_have_no_problems(page: Page, olive: User, goods: ProductConfiguration) -> None:
    inspect_scenes(sign_in(page, olive), scenes.preview_scenes())


def test_developer_pages_have_no_problems(page: Page, goods: ProductConfiguration, settings: Any) -> None:
    settings.DEBUG = True
    inspect_scenes(page, scenes.FOR_DEVELOPERS)


def test_buyer_pages_have_no_problems(page: Page, ada: User, goods: ProductConfiguration) -> None:
    inspect_scenes(sign_in(page, ada), scenes.buyer_scenes(ada))


def test_guest_pages_have_no_problems(
    page: Page, ada: User, goods: ProductConfiguration, settings: Any
) -> None:
    settings.GUEST_CHECKOUT = True
    free = create_product(get_client(), "Wallpaper", 0)
    guest = Client()
    order = guest_actions.buy(guest, goods)
    cookie = guest.cookies[settings.SESSION_COOKIE_NAME]
    page.context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": settings.SITE_URL}])
    link = order_link(order)
    inspect_scenes(
        page,
        [
            scenes.page_at("guest-order", order.get_absolute_url()),
            scenes.page_at("guest-library", "/purchases/"),
            scenes.page_at("guest-goods", f"/purchases/{goods.slug}/"),
            scenes.page_at("free-product", free.get_absolute_url()),
            scenes.page_at("find-orders", "/purchases/find/"),
            scenes.page_at("link-expired", "/purchases/link/nonsense/"),
        ],
    )
    page.get_by_label("E-mail").fill("gina@example.com")
    page.get_by_role("button", name="Send me a link").click()
    expect(page.get_by_role("heading", name="Check your e-mail")).to_be_visible()
    assert_no_problems(page)
    EmailAddress.objects.create(user=ada, email=ada.email, verified=True)
    Purchase.objects.update(email=ada.email)
    sign_in(page, ada)
    inspect_scenes(page, [scenes.page_at("waiting-orders", "/purchases/")])
    Purchase.objects.update(email="gina@example.com")
    inspect_scenes(page, [scenes.page_at("switch-account", link.removeprefix(settings.SITE_URL))])


def test_security_pages_have_no_problems(page: Page, ada: User, shop: None) -> None:
    inspect_scenes(sign_in(page, ada), scenes.security_scenes(ada))


@pytest.mark.parametrize("half", [0, 1])
def test_each_purchase_state_has_no_problems(
    page: Page, ada: User, goods: ProductConfiguration, half: int
) -> None:
    inspect_scenes(sign_in(page, ada), scenes.status_scenes(ada)[half::2], check_state=True)


@pytest.mark.parametrize("language", ["en", "de"])
def test_payments_have_no_problems(
    page: Page, ada: User, goods: ProductConfiguration, settings: Any, language: str
) -> None:
    cookie = {"name": settings.LANGUAGE_COOKIE_NAME, "value": language, "url": settings.SITE_URL}
    page.context.add_cookies([cookie])
    inspect_scenes(sign_in(page, ada), scenes.payment_scenes(ada))


def test_difficult_shops_have_no_problems(page: Page, goods: ProductConfiguration) -> None:
    inspect_scenes(page, scenes.difficult_scenes())


# --- pages that need a real checkout ------------------------------------------------------------------------


def test_hosted_page_with_errors_and_challenge_has_no_problems(
    page: Page, ada: User, goods: ProductConfiguration
) -> None:
    checkout = go_to_checkout(sign_in(page, ada), goods.slug)
    assert_no_problems(page)
    checkout.submit()
    expect(checkout.errors.first).to_be_visible()
    assert_no_problems(page)
    checkout.pay(THREE_D_SECURE)
    checkout.challenge_button.wait_for()
    assert_no_problems(page)


def test_hosted_page_with_saved_cards_has_no_problems(
    page: Page, ada: User, goods: ProductConfiguration
) -> None:
    checkout = go_to_checkout(sign_in(page, ada), goods.slug)
    checkout.fill(VISA)
    checkout.save_card.check()
    assert_no_problems(page)
    checkout.submit()
    expect(PurchasePage(page).in_state("paid")).to_be_visible()
    checkout = go_to_checkout(page, "quiet-hours")
    expect(checkout.saved_cards).to_be_checked()
    assert_no_problems(page)
    checkout.new_card.check()
    assert_no_problems(page)


@pytest.mark.usefixtures("fast_polling")
def test_portal_has_no_problems(page: Page, ada: User) -> None:
    seen, portal = open_new_order(page, ada, "workshop"), Portal(page)
    expect(seen.in_state("active")).to_be_visible()
    purchase = Purchase.objects.get()
    stripe_changes.renew(purchase, fails=True)
    expect(seen.in_state("past_due")).to_be_visible()
    inspect_scenes(page, [scenes.page_at("past-due", "/purchases/workshop/")])

    seen.goto(purchase).manage_button.click()
    expect(portal.alert).to_be_visible()
    assert_no_problems(page)
    portal.cancel_link.click()
    assert_no_problems(page)
    page.go_back()
    portal.update_card("4000 0000 0000 0002")
    expect(page.get_by_text("Your card has been declined.")).to_be_visible()
    assert_no_problems(page)
    portal.type_card("4242 4242 4242 4242")
    portal.cancel()
    expect(portal.resume_button).to_be_visible()
    assert_no_problems(page)


def test_promotions_and_emails_have_no_problems(
    page: Page, ada: User, goods: ProductConfiguration, settings: Any
) -> None:
    settings.DEBUG = settings.CHECKOUT_PROMOTION_CODES = True
    stripe_changes.create_promotion_code("HELLO20", percent_off=20)
    checkout = go_to_checkout(sign_in(page, ada), "quiet-hours")
    checkout.apply_promotion("HELLO20")
    expect(checkout.summary).to_contain_text("HELLO20")
    assert_no_problems(page)
    checkout.pay_by_debit("AT32 1904 3002 3547 3204")
    expect(PurchasePage(page).in_state("processing")).to_be_visible()
    mails = ["", "waiting/html/", "renewal_failed/html/"]
    inspect_scenes(page, [scenes.page_at(f"mail {mail}", f"/dev/mail/previews/{mail}") for mail in mails])
