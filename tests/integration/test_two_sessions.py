"""Buy is pressed in two tabs at once: each response starts a session, and the browser keeps the last one."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings as django_settings
from django.test import Client

from apps.ecommerce.models import ProductConfiguration, Purchase
from apps.ecommerce.operations.shop_checks import check_shop
from apps.users.models import User
from tests.factories import pay, url_path
from tests.guest_actions import emailed_link, goods_url, press_buy

pytestmark = pytest.mark.django_db(transaction=True)
EMAIL = "gina@example.com"


@pytest.fixture(autouse=True)
def _guests_can_buy(settings: Any) -> None:
    settings.GUEST_CHECKOUT = True


def press_buy_at_once(*products: ProductConfiguration) -> tuple[Client, list[str]]:
    """Return the browser and the payment pages. No request has a cookie, and each response sets some."""
    browser, pages = Client(), []
    for product in products:
        tab = Client()
        pages.append(press_buy(tab, product))
        browser.cookies.update(tab.cookies)
    return browser, pages


def come_back(browser: Client, payment_page: str, email: str = EMAIL) -> Any:
    return browser.get(url_path(pay(payment_page, email=email)))


def order_of(product: ProductConfiguration) -> Purchase:
    return Purchase.objects.get(product=product.product_id)


def test_browser_shows_both_orders(
    sandbox: Any, icons: ProductConfiguration, club: ProductConfiguration
) -> None:
    browser, pages = press_buy_at_once(icons, club)
    assert len(set(Purchase.objects.values_list("guest_token", flat=True))) == 2
    page = come_back(browser, pages[0])
    assert "Thanks, your order is complete" in page.content.decode()
    assert browser.get(goods_url(icons)).status_code == 200
    come_back(browser, pages[1])
    library = browser.get("/purchases/").content.decode()
    assert "Icon set" in library
    assert "Maker club" in library
    assert len(set(Purchase.objects.values_list("guest_token", flat=True))) == 1
    assert browser.get(order_of(icons).get_absolute_url()).status_code == 200


def test_browser_that_kept_no_session_shows_the_order(sandbox: Any, icons: ProductConfiguration) -> None:
    browser, pages = press_buy_at_once(icons)
    del browser.cookies[django_settings.SESSION_COOKIE_NAME]
    assert come_back(browser, pages[0]).status_code == 200
    assert browser.get(goods_url(icons)).status_code == 200


def test_same_product_is_not_charged_twice_unnoticed(sandbox: Any, icons: ProductConfiguration) -> None:
    browser, pages = press_buy_at_once(icons, icons)
    for page in pages:
        come_back(browser, page)
    first, second = Purchase.objects.order_by("pk")
    assert [row.about for row in check_shop()["paid-twice"]] == [f"order {second.pk}"]
    library = browser.get("/purchases/").content.decode()
    for order in (first, second):
        assert order.get_absolute_url() in library


def test_url_of_the_return_page_is_not_enough(
    sandbox: Any, icons: ProductConfiguration, club: ProductConfiguration
) -> None:
    _browser, pages = press_buy_at_once(icons)
    back = url_path(pay(pages[0], email=EMAIL))
    order = order_of(icons)
    name = f"{django_settings.SESSION_COOKIE_NAME}-{order.guest_token[:8]}"
    other = Client()
    press_buy(other, club)
    for value in ("", order.guest_token[:8], order.guest_token[:-1] + "x", "é"):
        for stranger in (Client(), other):
            stranger.cookies[name] = value
            assert "You paid in another browser" in stranger.get(back).content.decode()
            assert stranger.get(goods_url(icons)).status_code == 302
            assert stranger.get(order.get_absolute_url()).status_code == 302
    order.refresh_from_db()
    assert order.guest_token == name[-8:] + order.guest_token[8:]


def test_planted_cookie_does_not_share_later_orders(
    sandbox: Any, icons: ProductConfiguration, club: ProductConfiguration
) -> None:
    """An attacker who plants the cookie loses an order, and does not see later ones."""
    attacker, pages = press_buy_at_once(icons)
    back = url_path(pay(pages[0], email="eve@example.com"))
    victim = Client()
    name = next(name for name in attacker.cookies if name != django_settings.SESSION_COOKIE_NAME)
    victim.cookies[name] = attacker.cookies[name].value
    victim.get(back)
    come_back(victim, press_buy(victim, club))
    assert attacker.get(order_of(club).get_absolute_url()).status_code == 302
    assert "Maker club" not in attacker.get("/purchases/", follow=True).content.decode().partition("<main")[2]


def test_cookie_opens_nothing_after_the_claim(sandbox: Any, icons: ProductConfiguration) -> None:
    browser, pages = press_buy_at_once(icons)
    back = url_path(pay(pages[0], email=EMAIL))
    Client().get(back)  # the payment is known, but not in this browser
    Client().post(emailed_link())
    assert Purchase.objects.get().user == User.objects.get()
    assert browser.get(back)["Location"].startswith("/accounts/login/")
    assert browser.get(goods_url(icons)).status_code == 302


def test_unpaid_order_is_not_moved(sandbox: Any, icons: ProductConfiguration) -> None:
    browser, _pages = press_buy_at_once(icons, icons)
    first, _second = Purchase.objects.order_by("pk")
    page = browser.get(f"/store/checkout/return/?session_id={first.session_id}")
    assert page.status_code == 200
    assert len(set(Purchase.objects.values_list("guest_token", flat=True))) == 2


def test_cookie_is_set_only_with_the_first_press(
    sandbox: Any, icons: ProductConfiguration, club: ProductConfiguration
) -> None:
    browser, _pages = press_buy_at_once(icons)
    names = set(browser.cookies)
    press_buy(browser, club)
    assert set(browser.cookies) == names
    cookie = next(cookie for name, cookie in browser.cookies.items() if "-" in name)
    assert (cookie["httponly"], cookie["samesite"], cookie["max-age"]) == (True, "Lax", 24 * 3600)


@pytest.mark.parametrize("is_confirmed", [True, False])
def test_buyer_who_signs_in_before_paying_finds_the_order(
    sandbox: Any, icons: ProductConfiguration, ada: User, is_confirmed: bool
) -> None:
    """The payment page was opened before signing in, so the order belongs to this browser."""
    EmailAddress.objects.update_or_create(user=ada, email=ada.email, defaults={"verified": is_confirmed})
    browser = Client()
    payment_page = press_buy(browser, icons)
    browser.force_login(ada)
    response = come_back(browser, payment_page)
    assert response["Location"] == "/purchases/"
    page = browser.get("/purchases/").content.decode()
    assert "You bought Icon set before you signed in" in page
    assert ("Add to my account" in page) == is_confirmed
    assert Purchase.objects.get().user is None


def test_next_person_at_the_computer_gets_no_order(
    sandbox: Any, icons: ProductConfiguration, ada: User
) -> None:
    """The buyer signs in to another account and out again. The URL in the browser's history opens nothing."""
    browser, pages = press_buy_at_once(icons)
    back = url_path(pay(pages[0], email=EMAIL))
    browser.force_login(ada)
    cookies = {name for name in browser.cookies if name.startswith(django_settings.SESSION_COOKIE_NAME)}
    assert len(cookies) == 2
    response = browser.post("/accounts/logout/")
    for name in response.cookies:
        if not response.cookies[name].value:
            del browser.cookies[name]
    assert "You paid in another browser" in browser.get(back).content.decode()
    assert browser.get(goods_url(icons)).status_code == 302
