"""Buying without an account: from the product page to the goods, and to an account by the e-mailed link."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client

from apps.ecommerce.catalogue.sync import sync_catalogue
from apps.ecommerce.models import Price, ProductConfiguration, Purchase, StripeCustomer
from apps.users.models import User
from stripe_sandbox import ibans, scheduled_actions
from tests.factories import (
    DECLINED,
    add_file,
    add_price,
    create_product,
    first_price,
    pay,
    sent_kinds,
    signed_in,
    url_path,
)
from tests.guest_actions import OWN_PAGE, buy, emailed_link, goods_url, press_buy

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _guests_can_buy(settings: Any) -> None:
    settings.GUEST_CHECKOUT = True


def test_visitor_pays_without_an_account(sandbox: Any, icons: ProductConfiguration) -> None:
    add_file(icons)
    browser = Client()
    purchase = buy(browser, icons)
    assert (purchase.status, purchase.user, purchase.email) == ("paid", None, "gina@example.com")
    assert not User.objects.exists()
    page = browser.get(purchase.get_absolute_url())
    assert "Thanks, your order is complete" in page.content.decode()
    assert "gina@example.com" in page.content.decode()
    assert browser.get(goods_url(icons)).status_code == 200
    assert b"".join(browser.get(f"{goods_url(icons)}download/")) == b"icons"
    assert "Icon set" in browser.get("/purchases/").content.decode()
    assert purchase.product_name in browser.get(f"/store/{icons.slug}/").content.decode()


def test_stripe_asks_for_the_address_and_creates_the_customer(
    sandbox: Any, icons: ProductConfiguration
) -> None:
    press_buy(Client(), icons)
    session = sandbox.client.v1.checkout.sessions.retrieve(Purchase.objects.get().session_id)
    assert (session.customer, session.customer_email, session.customer_creation) == (None, None, "always")
    assert session.client_reference_id == str(Purchase.objects.get().public_id)


def test_subscription_needs_no_account(sandbox: Any, club: ProductConfiguration) -> None:
    browser = Client()
    purchase = buy(browser, club)
    assert (purchase.status, purchase.email) == ("active", "gina@example.com")
    page = browser.get(purchase.get_absolute_url()).content.decode()
    assert "manage and cancel your subscription" in page
    assert f"{purchase.get_absolute_url()}cancel/" not in page


def test_free_trial_needs_an_account(sandbox: Any) -> None:
    product = create_product(sandbox.client, "Trial", 900, interval="month")
    Price.objects.filter(product=product.product_id).update(trial_period_days=14)
    browser = Client()
    assert press_buy(browser, product).startswith("/accounts/signup/")
    assert not Purchase.objects.exists()
    assert browser.session["pending_checkout"]["slug"] == product.slug


def test_only_a_page_of_the_shop_starts_a_checkout(sandbox: Any, icons: ProductConfiguration) -> None:
    """The form has no CSRF token, because caches keep the product page."""
    url, form = f"/store/{icons.slug}/buy/", {"price": first_price(icons).id}
    product_page = f"/store/{icons.slug}/?price={form['price']}"
    for headers in (
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://testserver"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://testserver.evil.example"},
        {"Referer": "https://evil.example/?http://testserver/"},
    ):
        browser = Client(enforce_csrf_checks=True)
        assert browser.post(url, form, headers=headers)["Location"] == product_page, headers
    for method in ("get", "head"):
        assert getattr(Client(), method)(url, form, headers=OWN_PAGE)["Location"] == product_page
    assert not Purchase.objects.exists()
    for headers in (
        OWN_PAGE,
        {"Origin": "http://testserver"},
        {"Referer": f"http://testserver{product_page}"},
    ):
        browser = Client(enforce_csrf_checks=True)
        assert "/stripe-sandbox/" in browser.post(url, form, headers=headers)["Location"], headers


def test_same_browser_gets_the_same_checkout(sandbox: Any, icons: ProductConfiguration) -> None:
    browser = Client()
    assert press_buy(browser, icons) == press_buy(browser, icons)
    assert press_buy(Client(), icons) != press_buy(browser, icons)
    assert Purchase.objects.count() == 2


def test_guest_cannot_pay_twice(sandbox: Any, icons: ProductConfiguration) -> None:
    browser = Client()
    buy(browser, icons)
    response = browser.get(press_buy(browser, icons))
    assert "You already have access to Icon set" in response.content.decode()
    assert Purchase.objects.count() == 1


def test_declined_card_shows_an_error_and_can_be_replaced(sandbox: Any, icons: ProductConfiguration) -> None:
    browser = Client()
    url = press_buy(browser, icons)
    assert pay(url, DECLINED) == ""
    assert browser.get(Purchase.objects.get().get_absolute_url() + "?canceled=1").status_code == 200
    assert pay(press_buy(browser, icons))
    assert Purchase.objects.count() == 1


def test_emailed_link_creates_an_account_and_opens_the_goods(
    sandbox: Any, icons: ProductConfiguration
) -> None:
    """The link is opened on another device. The paying browser then has the rights of a visitor."""
    paying, phone = Client(), Client()
    purchase = buy(paying, icons)
    sandbox.deliver()
    assert sent_kinds() == ["confirmed"]
    assert mail.outbox[-1].to == ["gina@example.com"]
    response = phone.post(emailed_link())
    assert (response.status_code, response["Location"]) == (302, goods_url(icons))
    assert phone.get(goods_url(icons)).status_code == 200
    user = User.objects.get()
    assert (user.email, user.has_usable_password(), user.unproven_signup) == (
        "gina@example.com",
        False,
        False,
    )
    assert EmailAddress.objects.get(user=user).verified
    purchase.refresh_from_db()
    assert (purchase.user, purchase.guest_token) == (user, "")
    assert purchase.claimed_at
    assert "Icon set" in phone.get("/purchases/").content.decode()
    assert paying.get(goods_url(icons)).status_code == 302
    assert paying.get(purchase.get_absolute_url())["Location"].startswith("/accounts/login/")


def test_email_links_to_goods_file_and_order(sandbox: Any, icons: ProductConfiguration) -> None:
    """Each link is enough, on any device."""
    add_file(icons)
    order = buy(Client(), icons)
    body = mail.outbox[-1].body
    goods, receipt = re.findall(r"http://\S+/purchases/link/\S+", body)
    [download] = re.findall(r"http://\S+/purchases/download/\S+", body)
    assert b"".join(Client().get(url_path(download))) == b"icons"
    assert Client().post(url_path(goods))["Location"] == goods_url(icons)
    assert Client().post(url_path(receipt))["Location"] == order.get_absolute_url()


def test_link_in_the_paying_browser_signs_in(sandbox: Any, icons: ProductConfiguration) -> None:
    browser = Client()
    buy(browser, icons)
    assert browser.post(emailed_link())["Location"] == goods_url(icons)
    assert browser.get("/accounts/").status_code == 200


def test_link_claims_all_orders_of_the_address(
    sandbox: Any, icons: ProductConfiguration, club: ProductConfiguration
) -> None:
    buy(Client(), icons)
    buy(Client(), club)
    buy(Client(), club, email="other@example.com")
    Client().post(emailed_link(0))
    user = User.objects.get()
    assert set(user.purchases.values_list("product__name", flat=True)) == {"Icon set", "Maker club"}
    assert Purchase.objects.unclaimed().get().email == "other@example.com"


def test_account_uses_the_customer_of_the_order(sandbox: Any, icons: ProductConfiguration) -> None:
    buy(Client(), icons)
    Client().post(emailed_link())
    session = sandbox.client.v1.checkout.sessions.retrieve(Purchase.objects.get().session_id)
    customer = StripeCustomer.objects.get()
    assert (customer.id, customer.user) == (session.customer, User.objects.get())
    assert customer.name == "Ada Lovelace"
    assert customer.country == "GB"


def create_euro_product(sandbox: Any) -> ProductConfiguration:
    product = sandbox.client.v1.products.create({"name": "Quiet Hours"})
    sandbox.client.v1.prices.create({"product": product.id, "currency": "eur", "unit_amount": 2400})
    sync_catalogue()
    return ProductConfiguration.objects.get(product_id=product.id)


def test_bank_payment_is_confirmed_to_a_guest(sandbox: Any) -> None:
    """The goods open when the money arrives. Both e-mails have the link."""
    product, browser = create_euro_product(sandbox), Client()
    form = {
        "email": "gina@example.com",
        "paymentMethod": "sepa_debit",
        "iban": ibans.TABLE[0].number,
        "billingName": "Gina",
        "billingCountry": "AT",
    }
    back = Client().post(url_path(press_buy(browser, product)), form)["Location"]
    assert "payment is being processed" in browser.get(url_path(back)).content.decode()
    assert browser.get(goods_url(product)).status_code == 302
    Client().post(emailed_link())
    assert Purchase.objects.get().user == User.objects.get()
    scheduled_actions.run_due(time.time() + 10**6)
    sandbox.deliver()
    assert Purchase.objects.get().status == "paid"
    assert sent_kinds() == ["waiting", "confirmed"]


def test_signed_in_buyer_sees_no_difference(sandbox: Any, icons: ProductConfiguration, ada: User) -> None:
    as_ada = signed_in(ada)
    response = as_ada.post(f"/store/{icons.slug}/buy/", {"price": first_price(icons).id})
    session = sandbox.client.v1.checkout.sessions.retrieve(Purchase.objects.get().session_id)
    assert "/stripe-sandbox/" in response["Location"]
    assert (Purchase.objects.get().user, Purchase.objects.get().guest_token) == (ada, "")
    assert session.customer


# --- free products ------------------------------------------------------------------------------------------


def test_free_product_takes_one_press(sandbox: Any, ada: User) -> None:
    """No request is sent to Stripe. Two presses create one order."""
    product, as_ada = create_product(sandbox.client, "Wallpaper", 0), signed_in(ada)
    for _press in range(2):
        response = as_ada.post(f"/store/{product.slug}/buy/", {"price": first_price(product).id})
    assert response.status_code == 303
    purchase = Purchase.objects.get()
    assert (purchase.status, purchase.user, purchase.amount_total) == ("paid", ada, 0)
    assert as_ada.get(goods_url(product)).status_code == 200
    assert sent_kinds() == ["confirmed"]
    assert not sandbox.client.v1.checkout.sessions.list().data
    assert "Wallpaper" in as_ada.get("/purchases/").content.decode()
    page = as_ada.get(purchase.get_absolute_url()).content.decode()
    assert "Thanks, your order is complete" in page
    for word in ("refund", "card"):
        assert word not in page.lower().partition("</main>")[0].partition("<main")[2], word


def test_first_press_opens_the_free_goods(sandbox: Any, ada: User) -> None:
    product = create_product(sandbox.client, "Wallpaper", 0)
    response = signed_in(ada).post(f"/store/{product.slug}/buy/", {"price": first_price(product).id})
    assert response["Location"] == goods_url(product)


def test_visitor_gets_a_free_product_by_email(sandbox: Any) -> None:
    """The link is sent to the address only: the browser has not verified it."""
    product, browser = create_product(sandbox.client, "Wallpaper", 0), Client()
    assert 'type="email"' in browser.get(f"/store/{product.slug}/").content.decode()
    form = {"price": first_price(product).id, "email": "Gina@example.com"}
    page = browser.post(f"/store/{product.slug}/buy/", form, headers=OWN_PAGE).content.decode()
    assert "gina@example.com" in page
    assert browser.get(goods_url(product)).status_code == 302
    assert mail.outbox[-1].to == ["gina@example.com"]
    phone = Client()
    assert phone.post(emailed_link())["Location"] == goods_url(product)
    assert phone.get(goods_url(product)).status_code == 200


def test_free_product_asked_for_again_sends_the_known_order(sandbox: Any, ada: User) -> None:
    product = create_product(sandbox.client, "Wallpaper", 0)
    signed_in(ada).post(f"/store/{product.slug}/buy/", {"price": first_price(product).id})
    pages = set()
    for email in ("ada@example.com", "gina@example.com", "gina@example.com"):
        form = {"price": first_price(product).id, "email": email}
        response = Client().post(f"/store/{product.slug}/buy/", form, headers=OWN_PAGE)
        pages.add(response.content.decode().replace(email, ""))
    assert len(pages) == 1, "the page does not tell who has an account"
    assert sorted(Purchase.objects.values_list("email", flat=True)) == ["ada@example.com", "gina@example.com"]
    assert sent_kinds() == ["confirmed", "link", "confirmed", "link"]


def test_address_is_asked_for_if_only_one_price_is_free(sandbox: Any) -> None:
    product = create_product(sandbox.client, "Fonts", 900)
    price_id = add_price(sandbox.client, product.product_id, 0)
    sync_catalogue()
    browser = Client()
    assert 'type="email"' not in browser.get(f"/store/{product.slug}/").content.decode()
    page = browser.post(f"/store/{product.slug}/buy/", {"price": price_id}, headers=OWN_PAGE)
    assert "Where should we send the link?" in page.content.decode()
    form = {"price": price_id, "email": "nonsense"}
    page = browser.post(f"/store/{product.slug}/buy/", form, headers=OWN_PAGE)
    assert "Where should we send the link?" in page.content.decode()
    assert not Purchase.objects.exists()


def test_paid_price_is_never_sent_for_free(sandbox: Any, icons: ProductConfiguration) -> None:
    form = {"price": first_price(icons).id, "email": "gina@example.com"}
    response = Client().post(f"/store/{icons.slug}/buy/", form, headers=OWN_PAGE)
    assert "/stripe-sandbox/" in response["Location"]
    assert Purchase.objects.get().status == "open"


def test_shop_without_email_sells_to_accounts_only(
    sandbox: Any, icons: ProductConfiguration, settings: Any
) -> None:
    settings.SENDS_MAIL = False
    assert press_buy(Client(), icons).startswith("/accounts/signup/")
