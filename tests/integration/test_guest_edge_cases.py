"""Rare cases of buying without an account: races, pending addresses, discount codes, and requests of programs."""

from __future__ import annotations

import re
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import include, path
from django.utils import translation

from apps.core import file_slots
from apps.ecommerce.models import Price, ProductConfiguration, Purchase
from apps.ecommerce.purchases import guest_orders
from apps.ecommerce.purchases.discount_codes.sync import sync_codes
from apps.users.models import User
from tests.factories import add_file, first_price, pay, url_path
from tests.guest_actions import OWN_PAGE, buy, emailed_link, goods_url, press_buy
from tests.integration.test_downloads import no_chunks
from tests.integration.test_guest_attacks import PASSWORD, VICTIM, opens, sign_up

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _guests_can_buy(settings: Any) -> None:
    settings.GUEST_CHECKOUT = True


def request_change(browser: Client, email: str) -> None:
    """Enter another address on the account page of an account that has confirmed none."""
    browser.post("/accounts/reauthenticate/", {"password": PASSWORD})
    assert (
        browser.post("/accounts/email/", {"email": email, "action_add": ""})["Location"] == "/accounts/email/"
    )
    assert EmailAddress.objects.filter(email=email, verified=False).exists()


def test_link_to_a_pending_address_does_not_verify_the_account_that_waits_for_it(
    sandbox: Any, icons: ProductConfiguration
) -> None:
    """An attacker registers the victim's address, changes it to their own, buys with it, and opens the link."""
    order = buy(Client(), icons, email=VICTIM)
    attacker = sign_up(VICTIM)
    request_change(attacker, "eve@example.com")
    buy(Client(), icons, email="eve@example.com")
    attacker.post(emailed_link())
    assert not EmailAddress.objects.filter(email=VICTIM, verified=True).exists()
    again = Client()
    again.post("/accounts/login/", {"login": VICTIM, "password": PASSWORD})
    again.post("/purchases/claim/")
    order.refresh_from_db()
    assert order.user is None
    assert not opens(again, goods_url(icons))


def test_password_reset_by_a_pending_address_does_not_verify_the_other(
    sandbox: Any, icons: ProductConfiguration
) -> None:
    order = buy(Client(), icons, email=VICTIM)
    request_change(sign_up(VICTIM), "eve@example.com")
    attacker = Client()
    attacker.post("/accounts/password/reset/", {"email": "Eve@example.com"})
    if link := re.search(r"/accounts/password/reset/key/\S+", mail.outbox[-1].body):
        form = {"password1": "another horse battery", "password2": "another horse battery"}
        attacker.post(attacker.get(link[0])["Location"], form)
    assert not EmailAddress.objects.filter(verified=True).exists()
    order.refresh_from_db()
    assert order.user is None


def test_link_is_not_blocked_by_an_account_that_waits_for_the_address(
    sandbox: Any, icons: ProductConfiguration
) -> None:
    request_change(sign_up("eve@example.com"), VICTIM)
    buy(Client(), icons, email=VICTIM)
    victim = Client()
    assert victim.post(emailed_link())["Location"] == goods_url(icons)
    assert Purchase.objects.get().user == User.objects.get(email=VICTIM)
    assert not EmailAddress.objects.filter(email=VICTIM, user__email="eve@example.com").exists()


def test_claim_leaves_an_order_whose_address_is_corrected_at_the_same_time(
    sandbox: Any, icons: ProductConfiguration, club: ProductConfiguration, monkeypatch: pytest.MonkeyPatch
) -> None:
    buy(Client(), icons, email="wrong@example.com")
    second = buy(Client(), club, email="wrong@example.com")
    stranger = User.objects.create_user("wrong@example.com")

    def correct_second(*args: Any) -> None:  # after the first order was claimed
        monkeypatch.undo()
        assert guest_orders.correct_address(second, "right@example.com")

    monkeypatch.setattr(guest_orders, "enqueue", correct_second)
    guest_orders.claim_orders_of("wrong@example.com", stranger)
    second.refresh_from_db()
    assert (second.user, second.email) == (None, "right@example.com")
    assert stranger.purchases.count() == 1


def test_unpaid_order_sends_no_email_to_a_typed_address(sandbox: Any, icons: ProductConfiguration) -> None:
    """Otherwise each press on Buy would send five e-mails to any address, for free."""
    browser = Client()
    press_buy(browser, icons)
    order = Purchase.objects.get()
    browser.post(f"{order.get_absolute_url()}address/", {"email": VICTIM})
    order.refresh_from_db()
    assert (order.email, len(mail.outbox)) == ("", 0)


def test_head_request_opens_no_link(sandbox: Any, icons: ProductConfiguration) -> None:
    """Programs that check the links of an e-mail send HEAD requests."""
    buy(Client(), icons)
    scanner = Client()
    assert scanner.head(emailed_link()).status_code == 200
    assert "_auth_user_id" not in scanner.session
    assert not User.objects.exists()
    assert Purchase.objects.unclaimed().exists()


def test_email_without_orders_is_in_the_language_of_the_visitor(
    sandbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The e-mail is sent by a worker, which has no language of a visitor."""
    tasks: list[tuple[Any, ...]] = []
    monkeypatch.setattr(type(guest_orders.send_link), "enqueue", lambda task, *args: tasks.append(args))
    Client(headers={"accept-language": "de"}).post("/purchases/find/", {"email": "nobody@example.com"})
    [arguments] = tasks
    monkeypatch.undo()
    with translation.override("en"):
        guest_orders.send_link.func(*arguments)
    assert "Deine Käufe" in mail.outbox[-1].subject


def create_code(sandbox: Any, text: str, coupon: dict[str, Any], **restrictions: Any) -> None:
    created = sandbox.client.v1.coupons.create({"percent_off": 20, "duration": "once", **coupon})
    promotion = {"type": "coupon", "coupon": created.id}
    sandbox.client.v1.promotion_codes.create({"promotion": promotion, "code": text, **restrictions})
    sync_codes()


def test_code_of_one_customer_needs_an_account(sandbox: Any, icons: ProductConfiguration) -> None:
    """The product page has promised the discount, because the visitor may be this customer."""
    customer = sandbox.client.v1.customers.create({"email": "ada@example.com"})
    create_code(sandbox, "ADA", {}, customer=customer.id)
    browser = Client()
    form = {"price": first_price(icons).id, "code": "ADA"}
    assert 'name="code"' in browser.get(f"/store/{icons.slug}/?code=ADA").content.decode()
    response = browser.post(f"/store/{icons.slug}/buy/", form, headers=OWN_PAGE)
    assert response["Location"].startswith("/accounts/signup/")
    assert browser.session["pending_checkout"]["code"] == "ADA"


def test_code_that_does_not_reduce_the_product_needs_no_account(
    sandbox: Any, icons: ProductConfiguration, club: ProductConfiguration
) -> None:
    coupon = {"applies_to": {"products": [club.product_id]}}
    create_code(sandbox, "FIRST", coupon, restrictions={"first_time_transaction": True})
    browser = Client()
    browser.get("/store/?code=FIRST")
    assert "/stripe-sandbox/" in press_buy(browser, icons)
    assert press_buy(browser, club).startswith("/accounts/signup/")


def test_signed_in_buyer_does_not_pay_again_for_what_this_browser_has_bought(
    sandbox: Any, icons: ProductConfiguration, club: ProductConfiguration, ada: User
) -> None:
    """A stranger's order with the buyer's address blocks nothing: it was bought in another browser."""
    EmailAddress.objects.create(user=ada, email=ada.email, verified=True, primary=True)
    browser = Client()
    buy(browser, icons)
    buy(Client(), club, email=ada.email)
    browser.force_login(ada)
    form = {"price": first_price(icons).id}
    page = browser.post(f"/store/{icons.slug}/buy/", form, follow=True).content.decode()
    assert "You bought Icon set in this browser before you signed in" in page
    assert "Add to my account" in page
    assert Purchase.objects.filter(product=icons.product).count() == 1
    response = browser.post(f"/store/{club.slug}/buy/", {"price": first_price(club).id})
    assert "/stripe-sandbox/" in response["Location"]


def test_customer_of_a_claimed_order_gets_the_address_of_the_account(
    sandbox: Any, icons: ProductConfiguration, ada: User
) -> None:
    """Stripe's own receipts would go to the mistyped address."""
    EmailAddress.objects.create(user=ada, email=ada.email, verified=True, primary=True)
    browser = Client()
    order = buy(browser, icons, email="typo@example.com")
    browser.force_login(ada)
    browser.post("/purchases/claim/")
    session = sandbox.client.v1.checkout.sessions.retrieve(order.session_id)
    assert sandbox.client.v1.customers.retrieve(session.customer).email == ada.email


def test_visitors_who_load_samples_do_not_block_downloads_of_a_guest(
    sandbox: Any, icons: ProductConfiguration, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_file(icons)
    browser = Client()
    buy(browser, icons)
    monkeypatch.setattr(file_slots, "MAX_FILES", 8)
    samples = [file_slots.acquire_slot(no_chunks()) for _sample in range(file_slots.MAX_FILES_OF_VISITORS)]
    response = browser.get(f"{goods_url(icons)}download/")
    assert (response.status_code, b"".join(response)) == (200, b"icons")
    for sample in samples:
        assert sample
        sample.close()


def test_sign_in_page_offers_to_find_purchases_only_if_the_shop_sends_email(settings: Any) -> None:
    assert "/purchases/find/" in Client().get("/accounts/login/").content.decode()
    settings.SENDS_MAIL = False
    assert "/purchases/find/" not in Client().get("/accounts/login/").content.decode()


def test_guest_who_signs_up_is_asked_to_confirm_the_address(
    sandbox: Any, icons: ProductConfiguration, club: ProductConfiguration
) -> None:
    """The new account owns nothing yet. An order of another browser is not shown before."""
    buy(Client(), club, email="gina@example.com")
    browser = Client()
    buy(browser, icons, email="gina@example.com")
    form = {"email": "gina@example.com", "password1": PASSWORD, "password2": PASSWORD}
    browser.post("/accounts/signup/", form)
    page = browser.get("/purchases/").content.decode()
    assert "Icon set" in page
    assert "Maker club" not in page
    assert "Please confirm your e-mail address first" in page
    assert "Add to my account" not in page
    EmailAddress.objects.update(verified=True)
    assert "Add to my account" in browser.get("/purchases/").content.decode()


def test_guest_can_sign_in_from_the_list_of_purchases(sandbox: Any, icons: ProductConfiguration) -> None:
    """On phones, the header has no sign-in link."""
    browser = Client()
    buy(browser, icons)
    main = browser.get("/purchases/").content.decode().partition("<main")[2].partition("</main>")[0]
    assert 'href="/accounts/login/' in main


async def count_own_orders(request: HttpRequest) -> HttpResponse:
    orders = Purchase.objects.for_user(await request.auser())
    return HttpResponse(str(await orders.acount()))


urlpatterns = [path("count/", count_own_orders), path("", include("config.urls"))]


@override_settings(ROOT_URLCONF=__name__)
def test_async_views_get_the_guest_too(sandbox: Any, icons: ProductConfiguration, ada: User) -> None:
    browser = Client()
    assert browser.get("/count/").content == b"0"
    buy(browser, icons)
    assert browser.get("/count/").content == b"1"
    browser.force_login(ada)
    assert browser.get("/count/").content == b"0"


def test_upgrade_of_a_guest_keeps_the_address_so_that_one_account_claims_both(
    sandbox: Any, icons: ProductConfiguration, team: Price
) -> None:
    browser = Client()
    solo = buy(browser, icons, "gina@example.com")
    back = pay(press_buy(browser, icons, team), email="friend@example.com")
    assert browser.get(url_path(back)).status_code == 200
    upgrade = Purchase.objects.get(upgrade_of=solo)
    assert (upgrade.status, upgrade.amount_total, upgrade.email) == ("paid", 3000, "gina@example.com")
