"""Every page, light and dark: no accessibility violation that axe can find, and nothing wider than a 320 px screen."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from apps.ecommerce.models import ProductConfiguration
from apps.stripe_sandbox import switches
from apps.users.models import User
from tests.e2e.cast import sign_in
from tests.e2e.journeys import buy, to_checkout
from tests.e2e.pages.hosted_checkout import HostedCheckout

FOR_VISITORS = [
    "/",
    "/store/",
    "/store/?q=nothing-like-this",
    "/store/tiny-tools/",
    "/store/launch-pages/",
    "/store/workshop/",
    "/terms/",
    "/privacy/",
    "/refunds/",
    "/accounts/signup/",
    "/accounts/login/",
    "/accounts/password/reset/",
    "/accounts/password/reset/done/",
    "/no-such-page/",
]
FOR_DEVELOPERS = ["/dev/mail/", "/stripe-sandbox/"]
FOR_ADA = [
    "/store/",
    "/store/tiny-tools/",
    "/purchases/",
    "/purchases/tiny-tools/",
    "/accounts/",
    "/accounts/email/",
    "/accounts/password/change/",
    "/accounts/logout/",
    "/accounts/delete/",
]


# Without preload: it would fetch each stylesheet again and inject it, which our policy forbids.
AXE = {"resultTypes": ["violations"], "preload": False}
COLOURS_SETTLED = """Promise.all(
    document.getAnimations().filter(a => a instanceof CSSTransition).map(a => a.finished.catch(() => {}))
)"""


def complaints(page: Page) -> list[str]:
    """What axe finds in light and dark, and what hides beside a narrow screen."""
    found = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.evaluate(COLOURS_SETTLED)
        result = Axe().run(page, options=AXE)
        if result.violations_count:
            found.append(f"{page.url} ({scheme})\n{result.generate_report()}")
    page.set_viewport_size({"width": 320, "height": 640})
    width = page.evaluate("document.documentElement.scrollWidth")
    if width > 320:
        found.append(f"{page.url} is {width} px wide on a screen of 320 px")
    page.set_viewport_size({"width": 1280, "height": 800})
    return found


def complaints_about(page: Page, paths: Iterable[str]) -> str:
    found = []
    for path in paths:
        page.goto(path)
        found += complaints(page)
    return "\n".join(found)


def test_pages_for_visitors(page: Page, goods: ProductConfiguration) -> None:
    assert complaints_about(page, FOR_VISITORS) == ""


def test_pages_for_developers(page: Page, goods: ProductConfiguration, settings: Any) -> None:
    settings.DEBUG = True
    assert complaints_about(page, FOR_DEVELOPERS) == ""


def test_pages_of_a_buyer(page: Page, ada: User, goods: ProductConfiguration) -> None:
    sign_in(page, ada)
    assert complaints_about(page, ["/purchases/"]) == ""
    expect(buy(page, goods.slug).heading).to_have_text("Paid. It is yours.")
    assert complaints(page) == []
    assert complaints_about(page, FOR_ADA) == ""


def test_the_hosted_page_with_errors(page: Page, ada: User, goods: ProductConfiguration) -> None:
    checkout = to_checkout(sign_in(page, ada), goods.slug)
    assert complaints(page) == []
    checkout.submit()
    expect(checkout.errors.first).to_be_visible()
    assert complaints(page) == []


def _confirming(page: Page, slug: str) -> None:
    switches.turn(late_seconds=600)
    expect(buy(page, slug).heading).to_have_text("Confirming your payment")


def _cancelled(page: Page, slug: str) -> None:
    to_checkout(page, slug).back_link.click()


def _subscribed(page: Page, slug: str) -> None:
    buy(page, "workshop")


def _on_trial(page: Page, slug: str) -> None:
    buy(page, "sunday-letter")


def _challenged(page: Page, slug: str) -> None:
    to_checkout(page, slug).pay("4000 0027 6000 3184")
    HostedCheckout(page).challenge_button.wait_for()


@pytest.mark.parametrize("reach", [_confirming, _cancelled, _subscribed, _on_trial, _challenged])
def test_states_after_the_buy_button(
    page: Page, ada: User, goods: ProductConfiguration, reach: Callable[[Page, str], None]
) -> None:
    reach(sign_in(page, ada), goods.slug)
    assert complaints(page) == []
