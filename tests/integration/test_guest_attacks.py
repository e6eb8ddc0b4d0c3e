"""Attacks on the orders of buyers without an account, and on accounts by way of such orders."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import partial
from typing import Any
from unittest.mock import patch

import pytest
from allauth.account.models import EmailAddress
from django.core import mail, signing
from django.test import Client
from django.utils import timezone

from apps.ecommerce.models import Mail, Price, ProductConfiguration, Purchase
from apps.ecommerce.operations.alerts import check_shop
from apps.ecommerce.operations.reconcile import reconcile
from apps.ecommerce.purchases.discount_codes.sync import sync_codes
from apps.ecommerce.purchases.guest_orders import claim_orders_of
from apps.ecommerce.purchases.personal_data import export_purchases
from apps.users.adapter import AccountAdapter
from apps.users.models import User
from tests.concurrency import run_at_once
from tests.factories import add_file, create_product, first_price, pay, signed_in, url_path
from tests.guest_actions import OWN_PAGE, buy, emailed_link, goods_url, press_buy
from tests.operator_actions import action_url, confirm
from tests.stripe_actions import dispute, paid_charges, win

pytestmark = pytest.mark.django_db(transaction=True)

VICTIM = "victim@example.com"
PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def _guests_can_buy(settings: Any) -> None:
    settings.GUEST_CHECKOUT = True


@pytest.fixture
def victim() -> User:
    user = User.objects.create_user(VICTIM, PASSWORD)
    EmailAddress.objects.create(user=user, email=VICTIM, verified=True, primary=True)
    return user


def sign_up(email: str) -> Client:
    """Sign up with an address that is not confirmed, and return the browser."""
    browser = Client()
    form = {"email": email, "password1": PASSWORD, "password2": PASSWORD}
    assert browser.post("/accounts/signup/", form).status_code == 302
    return browser


def opens(browser: Client, url: str) -> bool:
    return browser.get(url).status_code == 200


# --- the session of limited rights -------------------------------------------------------------------------


def test_session_opens_only_its_own_orders(sandbox: Any, icons: ProductConfiguration) -> None:
    """Another guest, a visitor and a signed-in stranger get neither page nor file nor status."""
    order = buy(Client(), icons)
    fonts = create_product(sandbox.client, "Fonts", 700)
    other_guest, stranger = Client(), signed_in(User.objects.create_user("eve@example.com"))
    buy(other_guest, fonts, email="eve@example.com")
    page = order.get_absolute_url()
    receipt = order.payments.get().get_absolute_url()
    for browser in (other_guest, stranger, Client()):
        for url in (page, f"{page}status/", receipt, goods_url(icons), f"{goods_url(icons)}download/"):
            assert not opens(browser, url), url
    assert opens(other_guest, goods_url(fonts))


@pytest.mark.parametrize("action", ["cancel", "manage", "switch"])
def test_session_changes_no_subscription(sandbox: Any, club: ProductConfiguration, action: str) -> None:
    browser = Client()
    order = buy(browser, club)
    response = browser.post(f"{order.get_absolute_url()}{action}/", {"price": order.price_id})
    assert response["Location"].startswith("/accounts/login/")
    order.refresh_from_db()
    assert (order.cancel_at, order.status) == (None, "active")


def test_session_opens_no_account_page(sandbox: Any, icons: ProductConfiguration, victim: User) -> None:
    browser = Client()
    buy(browser, icons, email=VICTIM)
    for url in (
        "/accounts/",
        "/accounts/email/",
        "/accounts/export/",
        "/accounts/billing-details/",
        "/admin/",
    ):
        assert browser.get(url).status_code == 302, url
    assert "_auth_user_id" not in browser.session


def test_session_opens_no_other_purchases_of_the_account(
    sandbox: Any, icons: ProductConfiguration, club: ProductConfiguration, victim: User
) -> None:
    """The address of an account is not enough to see what the account owns."""
    as_victim, attacker = signed_in(victim), Client()
    back = pay(as_victim.post(f"/store/{club.slug}/buy/", {"price": first_price(club).id})["Location"])
    as_victim.get(url_path(back))
    buy(attacker, icons, email=VICTIM)
    assert not opens(attacker, goods_url(club))
    assert victim.purchases.get().order_number not in attacker.get("/purchases/").content.decode()
    assert f"/purchases/{club.slug}/" not in attacker.get("/purchases/").content.decode()


def test_forged_token_in_the_url_or_form_is_ignored(sandbox: Any, icons: ProductConfiguration) -> None:
    order = buy(Client(), icons)
    for data in ({"guest_token": order.guest_token}, {"token": order.guest_token}):
        assert Client().get(order.get_absolute_url(), data).status_code == 302
    browser = Client()
    browser.cookies["guest_token"] = order.guest_token
    assert browser.get(order.get_absolute_url()).status_code == 302


def test_signing_out_ends_the_rights_of_the_browser(
    sandbox: Any, icons: ProductConfiguration, ada: User
) -> None:
    browser = Client()
    buy(browser, icons)
    browser.force_login(ada)
    assert not opens(browser, goods_url(icons))
    browser.post("/accounts/logout/")
    assert not opens(browser, goods_url(icons))


# --- links -------------------------------------------------------------------------------------------------


def test_guessed_and_altered_links_open_nothing(sandbox: Any, icons: ProductConfiguration) -> None:
    order = buy(Client(), icons)
    link = emailed_link()
    key = link.rstrip("/").rpartition("/")[2]
    forged = signing.dumps([order.public_id.hex, order.email], salt="apps.ecommerce.unsubscribe")
    for guess in (order.public_id, order.public_id.hex, key[:-2] + "xx", key.swapcase(), forged, "x" * 5000):
        browser = Client()
        response = browser.get(f"/purchases/link/{guess}/")
        assert response.status_code == 404, guess
        assert "_auth_user_id" not in browser.session
    assert not User.objects.exists()


def test_link_to_a_former_address_is_void(sandbox: Any, icons: ProductConfiguration) -> None:
    """The wrong recipient gets nothing, neither before nor after the right one has claimed the order."""
    browser = Client()
    order = buy(browser, icons, email="wrong@example.com")
    old = emailed_link()
    browser.post(f"{order.get_absolute_url()}address/", {"email": "Right@Example.com"})
    assert mail.outbox[-1].to == ["right@example.com"]
    new = emailed_link()
    assert Client().post(old).status_code == 404
    assert Client().post(new).status_code == 302
    assert Client().post(old).status_code == 404
    assert [user.email for user in User.objects.all()] == ["right@example.com"]


def test_file_link_to_a_former_address_sends_no_file(sandbox: Any, icons: ProductConfiguration) -> None:
    """The wrong recipient can't download the goods, neither before nor after an account has claimed the order."""
    add_file(icons)
    browser = Client()
    order = buy(browser, icons, email="wrong@example.com")
    (link,) = {url_path(url) for url in re.findall(r"http://\S+/purchases/download/\S+", mail.outbox[0].body)}
    browser.post(f"{order.get_absolute_url()}address/", {"email": "right@example.com"})
    assert "/accounts/login/" in Client().get(link, follow=True).redirect_chain[-1][0]
    assert b"".join(browser.get(link, follow=True)) == b"icons"  # the browser that has paid needs no link
    Client().post(emailed_link())
    assert "/accounts/login/" in Client().get(link, follow=True).redirect_chain[-1][0]


def test_link_is_void_after_the_account_changed_its_address(
    sandbox: Any, icons: ProductConfiguration
) -> None:
    buy(Client(), icons, email=VICTIM)
    link = emailed_link()
    Client().post(link)
    User.objects.update(email="new@example.com")
    EmailAddress.objects.update(email="new@example.com")
    assert Client().post(link).status_code == 404
    assert User.objects.count() == 1


def test_link_is_void_after_the_account_was_deleted(sandbox: Any, icons: ProductConfiguration) -> None:
    paying = Client()
    order = buy(paying, icons)
    link = emailed_link()
    Client().post(link)
    User.objects.all().delete()
    assert Client().post(link).status_code == 404
    assert not opens(paying, order.get_absolute_url())
    assert not User.objects.exists()


def test_old_links_expire(sandbox: Any, icons: ProductConfiguration) -> None:
    """Before an account has claimed the order, a link works for 30 days; after it, for two days."""
    buy(Client(), icons)
    link = emailed_link()
    now = timezone.now().timestamp()
    with patch("django.core.signing.time.time", return_value=now + timedelta(days=31).total_seconds()):
        assert Client().post(link).status_code == 404
    with patch("django.core.signing.time.time", return_value=now + timedelta(days=29).total_seconds()):
        assert Client().post(link).status_code == 302
    with patch("django.core.signing.time.time", return_value=now + timedelta(days=3).total_seconds()):
        assert Client().post(link).status_code == 404
    assert Client().post(link).status_code == 302


def test_link_asks_for_the_second_factor(sandbox: Any, icons: ProductConfiguration, victim: User) -> None:
    from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret

    TOTP.activate(victim, generate_totp_secret())
    buy(Client(), icons, email=VICTIM)
    browser = Client()
    assert browser.post(emailed_link())["Location"].startswith("/accounts/2fa/authenticate/")
    assert browser.get("/accounts/").status_code == 302


def test_link_does_not_open_a_blocked_account(
    sandbox: Any, icons: ProductConfiguration, victim: User
) -> None:
    User.objects.filter(pk=victim.pk).update(is_active=False)
    buy(Client(), icons, email=VICTIM)
    browser = Client()
    assert browser.post(emailed_link())["Location"] == "/store/"
    assert "_auth_user_id" not in browser.session
    assert Purchase.objects.unclaimed().count() == 1


def test_link_creates_no_account_where_sign_up_is_closed(
    sandbox: Any, icons: ProductConfiguration, monkeypatch: pytest.MonkeyPatch
) -> None:
    buy(Client(), icons)
    monkeypatch.setattr(AccountAdapter, "is_open_for_signup", lambda adapter, request: False)
    assert Client().post(emailed_link())["Location"] == "/store/"
    assert not User.objects.exists()


def test_link_of_another_person_does_not_replace_the_account_that_is_signed_in(
    sandbox: Any, icons: ProductConfiguration, victim: User
) -> None:
    """An attacker sends the victim a link to the attacker's order. Changing the account needs a press of a button."""
    buy(Client(), icons, email="eve@example.com")
    as_victim = signed_in(victim)
    response = as_victim.get(emailed_link())
    assert "data-send-at-once" not in response.content.decode()
    assert "You are signed in as <strong>victim@example.com" in response.content.decode()
    assert as_victim.session["_auth_user_id"] == str(victim.pk)
    assert not victim.purchases.exists()
    as_victim.post(emailed_link())
    assert as_victim.session["_auth_user_id"] == str(User.objects.get(email="eve@example.com").pk)


def test_programs_that_scan_emails_verify_no_address(sandbox: Any, icons: ProductConfiguration) -> None:
    """These programs open the links of e-mails, also of those to a mistyped address, and run no scripts."""
    paying = Client()
    buy(paying, icons)
    scanner = Client()
    for method in (scanner.get, scanner.head):
        assert method(emailed_link()).status_code == 200
    assert not User.objects.exists()
    assert "_auth_user_id" not in scanner.session
    assert opens(paying, goods_url(icons))
    assert Client(enforce_csrf_checks=True).post(emailed_link()).status_code == 403


def test_script_sends_the_form_of_a_link_only_where_nothing_gets_lost(
    sandbox: Any, icons: ProductConfiguration
) -> None:
    paying, other_guest = Client(), Client()
    buy(other_guest, create_product(sandbox.client, "Fonts", 700), email="eve@example.com")
    buy(paying, icons)
    for browser, is_sent in ((paying, True), (Client(), True), (other_guest, False)):
        assert ("data-send-at-once" in browser.get(emailed_link()).content.decode()) is is_sent


def test_key_of_a_link_is_not_logged(
    sandbox: Any, icons: ProductConfiguration, caplog: pytest.LogCaptureFixture
) -> None:
    buy(Client(), icons)
    link = emailed_link()
    with caplog.at_level("INFO"):
        Client().post(link)
    assert "POST /purchases/link/" in caplog.text
    assert link.rstrip("/").rpartition("/")[2] not in caplog.text


# --- whose order it is --------------------------------------------------------------------------------------


def test_account_gets_an_order_only_when_its_owner_opens_the_link(
    sandbox: Any, icons: ProductConfiguration, victim: User
) -> None:
    """A stranger pays with the victim's address: nothing changes in the account until the victim opens the link."""
    buy(Client(), icons, email=VICTIM)
    sandbox.deliver()
    as_victim = signed_in(victim)
    assert not victim.purchases.exists()
    assert not opens(as_victim, goods_url(icons))
    assert "You already own this" not in as_victim.get(f"/store/{icons.slug}/").content.decode()
    response = as_victim.post(f"/store/{icons.slug}/buy/", {"price": first_price(icons).id})
    assert "/stripe-sandbox/" in response["Location"], "the stranger must not block the victim"
    assert "Add to my account" in as_victim.get("/purchases/").content.decode()
    as_victim.post("/purchases/claim/")
    assert opens(as_victim, goods_url(icons))


def test_typed_address_uses_up_no_trial(sandbox: Any, victim: User, club: ProductConfiguration) -> None:
    buy(Client(), club, email=VICTIM)
    sandbox.deliver()
    Price.objects.filter(product=club.product_id).update(trial_period_days=14)
    assert "14" in signed_in(victim).get(f"/store/{club.slug}/").content.decode()
    assert "Start free trial" in signed_in(victim).get(f"/store/{club.slug}/").content.decode()


def test_address_registered_before_the_purchase_gives_the_attacker_nothing(
    sandbox: Any, icons: ProductConfiguration
) -> None:
    attacker = sign_up(VICTIM)
    order = buy(Client(), icons, email=VICTIM)
    assert "Add to my account" not in attacker.get("/purchases/").content.decode()
    attacker.post("/purchases/claim/")
    assert not opens(attacker, goods_url(icons))
    victim = Client()
    victim.post(emailed_link())
    assert opens(victim, goods_url(icons))
    assert not opens(attacker, goods_url(icons)), "the attacker's session ends"
    order.refresh_from_db()
    assert not order.user.has_usable_password()
    assert not Client().login(email=VICTIM, password=PASSWORD)


def test_address_registered_after_the_purchase_gives_the_attacker_nothing(
    sandbox: Any, icons: ProductConfiguration
) -> None:
    buy(Client(), icons, email=VICTIM)
    attacker = sign_up(VICTIM)
    assert not opens(attacker, goods_url(icons))
    attacker.post("/purchases/claim/")
    assert Purchase.objects.unclaimed().count() == 1
    Client().post(emailed_link())
    assert not opens(attacker, goods_url(icons))


def test_confirming_the_address_of_a_new_account_claims_its_orders(
    sandbox: Any, icons: ProductConfiguration
) -> None:
    from allauth.account.models import EmailConfirmationHMAC

    buy(Client(), icons, email="gina@example.com")
    browser = sign_up("gina@example.com")
    key = EmailConfirmationHMAC(EmailAddress.objects.get()).key
    browser.post(f"/accounts/confirm-email/{key}/")
    assert opens(browser, goods_url(icons))


def test_account_in_the_paying_browser_can_take_the_order(
    sandbox: Any, icons: ProductConfiguration, victim: User
) -> None:
    """The buyer has mistyped the address, then signs in: the order was bought in this browser."""
    browser = Client()
    buy(browser, icons, email="typo@example.com")
    browser.post("/accounts/login/", {"login": VICTIM, "password": PASSWORD})
    assert "typo@example.com" in browser.get("/purchases/").content.decode()
    browser.post("/purchases/claim/")
    assert opens(browser, goods_url(icons))
    assert Client().post(emailed_link()).status_code == 404, "the mistyped address gets nothing"


def test_two_claims_at_once_give_the_order_to_one_account(sandbox: Any, icons: ProductConfiguration) -> None:
    order = buy(Client(), icons)
    users = [User.objects.create_user(f"user{n}@example.com") for n in range(2)]
    claimed = run_at_once(partial(claim_orders_of, order.email, user) for user in users)
    assert sorted(len(orders) for orders in claimed) == [0, 1]
    assert Purchase.objects.get().user in users


def test_link_pressed_twice_at_once_creates_one_account(sandbox: Any, icons: ProductConfiguration) -> None:
    buy(Client(), icons)
    link = emailed_link()
    assert run_at_once([lambda: Client().post(link).status_code] * 2) == [302, 302]
    assert User.objects.count() == 1
    assert Purchase.objects.get().user == User.objects.get()


# --- addresses ----------------------------------------------------------------------------------------------


def test_find_my_purchases_does_not_reveal_whether_there_are_any(
    sandbox: Any, icons: ProductConfiguration, victim: User
) -> None:
    buy(Client(), icons, email="gina@example.com")
    pages = set()
    for email in ("gina@example.com", VICTIM, "nobody@example.com"):
        response = Client().post("/purchases/find/", {"email": email})
        pages.add((response.status_code, response.content.decode().replace(email, "")))
    assert len(pages) == 1
    assert [message.to for message in mail.outbox[-3:]] == [
        ["gina@example.com"],
        [VICTIM],
        ["nobody@example.com"],
    ]


def test_find_my_purchases_sends_a_link_that_opens_all(sandbox: Any, icons: ProductConfiguration) -> None:
    buy(Client(), icons)
    Client().post("/purchases/find/", {"email": " GINA@example.com "})
    browser = Client()
    assert browser.post(emailed_link())["Location"] == goods_url(icons)
    Client().post("/purchases/find/", {"email": "gina@example.com"})
    other_device = Client()
    other_device.post(emailed_link())
    assert opens(other_device, goods_url(icons))


def test_address_can_not_be_flooded(sandbox: Any, icons: ProductConfiguration, settings: Any) -> None:
    """Each request comes from another browser and IP address, all day long."""
    settings.RATE_LIMITS = settings.SHOP_RATE_LIMITS | {"find_orders": ""}
    buy(Client(), icons)
    for email, limit in (("gina@example.com", 5), ("nobody@example.com", 20)):
        before = len(mail.outbox)
        for number in range(30):
            Client(REMOTE_ADDR=f"10.0.0.{number}").post("/purchases/find/", {"email": email})
            # A minute passes.
            Mail.objects.filter(about__startswith="requested").update(about=f"earlier {number}")
        assert len(mail.outbox) - before == limit


def test_find_my_purchases_is_limited(sandbox: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.RATE_LIMITS = settings.SHOP_RATE_LIMITS
    # The clock stops, so that no new period begins.
    monkeypatch.setattr("apps.core.rate_limits.now", lambda: 1_800_000_000.0)
    emails = ["gina@example.com"] * 4 + [f"user{n}@example.com" for n in range(20)]
    statuses = [
        Client(REMOTE_ADDR="192.0.2.1").post("/purchases/find/", {"email": email}).status_code
        for email in emails
    ]
    assert statuses == [200] * 3 + [429] + [200] * 16 + [429] * 4


def test_corrections_are_limited(
    sandbox: Any, icons: ProductConfiguration, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.RATE_LIMITS = settings.SHOP_RATE_LIMITS
    monkeypatch.setattr("apps.core.rate_limits.now", lambda: 1_800_000_000.0)
    browser = Client()
    order = buy(browser, icons)
    statuses = [
        browser.post(f"{order.get_absolute_url()}address/", {"email": f"{n}@example.com"}).status_code
        for n in range(10)
    ]
    assert statuses.count(302) == 5
    assert statuses.count(429) == 5
    assert Mail.objects.filter(kind="link").count() == 5


def test_only_the_paying_browser_corrects_the_address(
    sandbox: Any, icons: ProductConfiguration, victim: User
) -> None:
    order = buy(Client(), icons)
    other = Client()
    buy(other, icons, email="eve@example.com")
    for browser in (Client(), other, signed_in(victim)):
        browser.post(f"{order.get_absolute_url()}address/", {"email": "eve@example.com"})
    order.refresh_from_db()
    assert order.email == "gina@example.com"


def test_address_stays_after_the_order_was_claimed(sandbox: Any, icons: ProductConfiguration) -> None:
    paying = Client()
    order = buy(paying, icons)
    Client().post(emailed_link())
    paying.post(f"{order.get_absolute_url()}address/", {"email": "eve@example.com"})
    order.refresh_from_db()
    assert order.email == "gina@example.com"


@pytest.mark.parametrize(
    "email", ["", "no address", "a@b", "x" * 250 + "@example.com", "a@example.com\nBcc: b@c.de"]
)
def test_invalid_corrections_change_nothing(sandbox: Any, icons: ProductConfiguration, email: str) -> None:
    browser = Client()
    order = buy(browser, icons)
    sent = len(mail.outbox)
    assert browser.post(f"{order.get_absolute_url()}address/", {"email": email}).status_code == 302
    order.refresh_from_db()
    assert (order.email, len(mail.outbox)) == ("gina@example.com", sent)


# --- money and data -----------------------------------------------------------------------------------------


def test_refund_ends_the_access_of_a_guest(sandbox: Any, icons: ProductConfiguration) -> None:
    browser = Client()
    order = buy(browser, icons)
    sandbox.client.v1.refunds.create({"payment_intent": order.payment_intent_id})
    sandbox.deliver()
    assert not opens(browser, goods_url(icons))
    assert opens(browser, order.get_absolute_url())
    assert "/purchases/link/" in mail.outbox[-1].body
    other = Client()
    assert other.post(emailed_link())["Location"] == order.get_absolute_url()
    assert not opens(other, goods_url(icons))


def test_dispute_pauses_the_access_of_a_guest(sandbox: Any, icons: ProductConfiguration) -> None:
    """A link to the file stops working, too."""
    add_file(icons)
    browser = Client()
    order = buy(browser, icons)
    [download] = re.findall(r"http://\S+/purchases/download/\S+", mail.outbox[-1].body)
    [charge] = paid_charges()
    case = dispute(charge)
    sandbox.deliver()
    assert not opens(browser, goods_url(icons))
    assert opens(browser, order.get_absolute_url())
    assert Client().get(url_path(download))["Location"] == order.get_absolute_url()
    win(case)
    sandbox.deliver()
    assert opens(browser, goods_url(icons))


def test_first_purchase_code_needs_an_account(sandbox: Any, icons: ProductConfiguration) -> None:
    """Stripe creates another customer for each guest, so the code would work again and again."""
    coupon = sandbox.client.v1.coupons.create({"percent_off": 20, "duration": "once"})
    sandbox.client.v1.promotion_codes.create(
        {
            "promotion": {"type": "coupon", "coupon": coupon.id},
            "code": "FIRST",
            "restrictions": {"first_time_transaction": True},
        }
    )
    sync_codes()
    form = {"price": first_price(icons).id, "code": "FIRST"}
    browser = Client()
    response = browser.post(f"/store/{icons.slug}/buy/", form, headers=OWN_PAGE)
    assert response["Location"].startswith("/accounts/signup/")
    assert browser.session["pending_checkout"]["code"] == "FIRST"
    assert not Purchase.objects.exists()


def test_operator_corrects_the_address_of_a_guest(
    sandbox: Any, icons: ProductConfiguration, olive: User
) -> None:
    order = buy(Client(), icons, email="wrong@example.com")
    old = emailed_link()
    as_olive = signed_in(olive)
    page = as_olive.get(f"/admin/ecommerce/purchase/{order.pk}/change/").content.decode()
    assert "without an account" in page
    url = action_url(order, "correct-email")
    assert "The buyer has no account yet" in as_olive.get(url).content.decode()
    assert confirm(as_olive, url, email="Right@example.com").status_code == 302
    assert mail.outbox[-1].to == ["right@example.com"]
    assert Client().post(old).status_code == 404
    assert Client().post(emailed_link()).status_code == 302


def test_orders_of_guests_send_no_alert(sandbox: Any, club: ProductConfiguration) -> None:
    """Subscriptions of guests have no account yet, which is not a problem of the shop."""
    buy(Client(), club)
    sandbox.deliver()
    assert not [text for text in check_shop().values() if text]


def test_lost_order_of_a_guest_is_restored_to_its_address(
    sandbox: Any, icons: ProductConfiguration, victim: User
) -> None:
    """A restored backup lacks the order. The account with this address does not get it without the link."""
    buy(Client(), icons, email=VICTIM)
    Purchase.objects.all().delete()
    reconcile(timezone.now() - timedelta(days=1))
    order = Purchase.objects.get()
    assert (order.status, order.user, order.email) == ("paid", None, VICTIM)
    as_victim = signed_in(victim)
    assert not opens(as_victim, goods_url(icons))
    Client().post("/purchases/find/", {"email": VICTIM})
    as_victim.post(emailed_link())
    assert opens(as_victim, goods_url(icons))


def test_guest_creates_an_account_to_export_and_delete_data(
    sandbox: Any, icons: ProductConfiguration
) -> None:
    order = buy(Client(), icons)
    browser = Client()
    browser.post(emailed_link())
    assert "reauthenticate" in browser.get("/accounts/export/")["Location"], "a forwarded link is not enough"
    [exported] = export_purchases(User.objects.get())
    assert exported["order"] == order.order_number
    User.objects.all().delete()
    order.refresh_from_db()
    assert (order.user, order.guest_token, order.email) == (None, "", "gina@example.com")


def test_visitor_returning_in_another_browser_sees_nothing_of_the_order(
    sandbox: Any, icons: ProductConfiguration
) -> None:
    """An app's own browser pays, and the phone's browser opens the return URL. The e-mail has the link."""
    back = pay(press_buy(Client(), icons), email="gina@example.com")
    page = Client().get(url_path(back)).content.decode()
    assert "Check your e-mail" in page
    assert "gina@example.com" not in page
    assert "Icon set" not in page
    assert mail.outbox[-1].to == ["gina@example.com"], "the return page has fulfilled the order"


def test_guests_can_be_switched_off(sandbox: Any, icons: ProductConfiguration, settings: Any) -> None:
    settings.GUEST_CHECKOUT = False
    assert press_buy(Client(), icons).startswith("/accounts/signup/")
    browser = Client()
    assert browser.get(f"/store/{icons.slug}/", headers=OWN_PAGE).status_code == 200
