"""Buying: from the Buy button to access, with its errors, retries and concurrent requests."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import stripe
from django.http import HttpRequest
from django.test import Client

from apps.ecommerce.catalogue.sync import sync_catalogue
from apps.ecommerce.models import Price, ProductConfiguration, Purchase, StripeCustomer
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.entitlements import owned
from apps.ecommerce.purchases.fulfilment import sync_purchase
from apps.ecommerce.stripe_api.client import get_client
from apps.users.adapter import AccountAdapter
from apps.users.models import User
from tests.concurrency import run_at_once
from tests.factories import (
    DECLINED,
    add_price,
    buy,
    create_product,
    first_price,
    pay,
    press_buy,
    signed_in,
    url_path,
)

pytestmark = pytest.mark.django_db


class ClosedAccountAdapter(AccountAdapter):
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False


def sessions() -> list[stripe.checkout.Session]:
    return list(get_client().v1.checkout.sessions.list({"limit": 100}))


def test_paid_checkout_grants_access(as_ada: Client, ada: User, icons: ProductConfiguration) -> None:
    purchase = buy(as_ada, icons)
    assert purchase.status == Status.PAID
    assert (purchase.amount_total, purchase.currency) == (1900, "usd")
    assert purchase.payment_method == "Visa •••• 4242"
    assert purchase.payments.get().receipt_url
    assert [change.to_status for change in purchase.changes.all()] == [Status.OPEN, Status.PAID]
    assert owned(ada, icons.product) == purchase
    assert as_ada.get("/purchases/icon-set/").status_code == 200


def test_stripe_objects_contain_the_purchase_id(as_ada: Client, icons: ProductConfiguration) -> None:
    purchase = buy(as_ada, icons)
    session = get_client().v1.checkout.sessions.retrieve(
        str(purchase.session_id), {"expand": ["payment_intent", "customer"]}
    )
    public_id = str(purchase.public_id)
    assert session.client_reference_id == public_id
    assert session.metadata is not None
    assert session.metadata["purchase"] == public_id
    assert isinstance(session.payment_intent, stripe.PaymentIntent)
    assert session.payment_intent.metadata["purchase"] == public_id
    assert isinstance(session.customer, stripe.Customer)
    assert session.customer.email == "ada@example.com"


def test_paid_subscription_is_active(as_ada: Client, club: ProductConfiguration) -> None:
    purchase = buy(as_ada, club)
    assert purchase.status == Status.ACTIVE
    assert purchase.subscription_id
    assert purchase.current_period_end is not None
    assert purchase.payment_method == "Visa •••• 4242"


def test_trial_is_granted_once(as_ada: Client, sandbox: Any) -> None:
    trial = create_product(sandbox.client, "Trial club", 900, interval="month", trial_period_days=14)
    purchase = buy(as_ada, trial)
    assert purchase.status == Status.TRIALING
    assert purchase.trial_end is not None
    sandbox.client.v1.subscriptions.cancel(purchase.subscription_id)
    sandbox.deliver()
    assert "Start free trial" not in as_ada.get("/store/trial-club/").content.decode()
    assert buy(as_ada, trial).status == Status.ACTIVE


def test_free_product_is_paid_without_an_amount(as_ada: Client, sandbox: Any) -> None:
    free = create_product(sandbox.client, "Wallpaper", 0)
    assert b"Get for free" in as_ada.get("/store/wallpaper/").content
    purchase = buy(as_ada, free)
    assert purchase.status == Status.PAID
    assert purchase.amount_total == 0


def test_pressing_buy_twice_creates_one_session(as_ada: Client, icons: ProductConfiguration) -> None:
    assert press_buy(as_ada, icons) == press_buy(as_ada, icons)
    assert len(sessions()) == 1
    assert Purchase.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_concurrent_presses_create_one_session(ada: User, icons: ProductConfiguration) -> None:
    urls = run_at_once([lambda: press_buy(signed_in(ada), icons)] * 4)
    assert len(set(urls)) == 1
    assert len(sessions()) == 1
    assert Purchase.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_concurrent_checkouts_of_several_prices_leave_one_open_session(
    ada: User, icons: ProductConfiguration, sandbox: Any
) -> None:
    add_price(sandbox.client, icons.product_id, 4900)
    add_price(sandbox.client, icons.product_id, 9900)
    sync_catalogue()
    fresh = ProductConfiguration.objects.get(pk=icons.pk)

    def press(price: Price) -> None:
        signed_in(ada).post("/store/icon-set/buy/", {"price": price.id})

    run_at_once(partial(press, price) for price in fresh.prices)
    assert Purchase.objects.filter(status=Status.OPEN).exclude(checkout_url="").count() <= 1
    for purchase in Purchase.objects.exclude(session_id=None):
        sync_purchase(purchase, "test")
    assert len([session for session in sessions() if session.status == "open"]) <= 1


def test_owner_sees_open_and_cannot_buy_again(as_ada: Client, icons: ProductConfiguration) -> None:
    buy(as_ada, icons)
    page = as_ada.get("/store/icon-set/").content.decode()
    assert "Buy now" not in page
    assert "/purchases/icon-set/" in page
    response = as_ada.post("/store/icon-set/buy/", {"price": first_price(icons).id}, follow=True)
    assert "message--info" in response.content.decode()
    assert len(sessions()) == 1


@pytest.mark.parametrize("data", [{}, {"price": ""}, {"price": "price_nobody"}, {"price": "x" * 5000}])
def test_unknown_price_creates_nothing(
    as_ada: Client, icons: ProductConfiguration, data: dict[str, str]
) -> None:
    response = as_ada.post("/store/icon-set/buy/", data, follow=True)
    assert "message--error" in response.content.decode()
    assert not Purchase.objects.exists()
    assert not sessions()


def test_price_of_another_product_creates_nothing(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    cheap = create_product(sandbox.client, "Sticker", 100)
    response = as_ada.post("/store/icon-set/buy/", {"price": first_price(cheap).id}, follow=True)
    assert "message--error" in response.content.decode()
    assert not Purchase.objects.exists()


def test_archived_price_creates_nothing(as_ada: Client, icons: ProductConfiguration) -> None:
    price = first_price(icons)
    type(price).objects.filter(id=price.id).update(active=False)
    response = as_ada.post("/store/icon-set/buy/", {"price": price.id}, follow=True)
    assert "message--error" in response.content.decode()
    assert not Purchase.objects.exists()


def test_amount_in_the_form_is_ignored(as_ada: Client, icons: ProductConfiguration) -> None:
    sent = {
        "price": first_price(icons).id,
        "amount": "1",
        "unit_amount": "1",
        "quantity": "0",
    }
    response = as_ada.post("/store/icon-set/buy/", sent)
    assert response.status_code == 303
    assert [(s.amount_total, s.currency) for s in sessions()] == [(1900, "usd")]


def test_inactive_product_stays_open_to_its_owners(
    as_ada: Client, as_bob: Client, icons: ProductConfiguration
) -> None:
    buy(as_ada, icons)
    ProductConfiguration.objects.update(status="hidden")
    assert b"Icon set" not in as_bob.get("/store/").content
    response = as_bob.post("/store/icon-set/buy/", {"price": first_price(icons).id}, follow=True)
    assert "message--error" in response.content.decode()
    assert Purchase.objects.count() == 1
    assert as_ada.get("/purchases/icon-set/").status_code == 200


def test_visitor_signs_up_and_continues_to_checkout(icons: ProductConfiguration) -> None:
    visitor = Client()
    response = visitor.post("/store/icon-set/buy/", {"price": first_price(icons).id})
    assert response.status_code == 303
    assert response["Location"].startswith("/accounts/signup/?next=%2Fstore%2Ficon-set%2Fbuy%2F")
    form = {"email": "new@example.com", "password1": "a long new password", "next": "/store/icon-set/buy/"}
    response = visitor.post("/accounts/signup/", form)
    assert response["Location"] == "/store/icon-set/buy/"
    response = visitor.get("/store/icon-set/buy/")
    assert response.status_code == 303
    assert "/stripe-sandbox/checkout/cs_test_" in response["Location"]
    assert Purchase.objects.get().email == "new@example.com"


def test_visitor_signs_in_if_the_sign_up_is_closed(icons: ProductConfiguration, settings: Any) -> None:
    settings.ACCOUNT_ADAPTER = f"{__name__}.ClosedAccountAdapter"
    visitor = Client()
    response = visitor.post("/store/icon-set/buy/", {"price": first_price(icons).id})
    assert response["Location"] == "/accounts/login/?next=%2Fstore%2Ficon-set%2Fbuy%2F"
    page = visitor.get("/accounts/signup/?next=/store/icon-set/buy/").content.decode()
    assert 'href="/accounts/login/?next=/store/icon-set/buy/"' in page
    assert "<form" not in page.partition("<main")[2].partition("</main>")[0]


def test_get_request_to_buy_creates_nothing(as_ada: Client, icons: ProductConfiguration) -> None:
    response = as_ada.get(f"/store/icon-set/buy/?price={first_price(icons).id}")
    assert response["Location"].partition("?")[0] == "/store/icon-set/"
    assert not Purchase.objects.exists()


def test_choosing_another_price_expires_the_first_session(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    first = press_buy(as_ada, icons)
    bigger = add_price(sandbox.client, icons.product_id, 4900)
    sync_catalogue()
    fresh = ProductConfiguration.objects.get(pk=icons.pk)
    second = press_buy(as_ada, fresh, next(p for p in fresh.prices if p.id == bigger))
    assert first != second
    assert sorted(s.status or "" for s in sessions()) == ["expired", "open"]
    assert sorted(Purchase.objects.values_list("status", flat=True)) == [Status.EXPIRED, Status.OPEN]


def test_buy_button_finds_a_payment_of_another_tab(as_ada: Client, icons: ProductConfiguration) -> None:
    pay(press_buy(as_ada, icons))  # and does not return to the shop
    response = as_ada.post("/store/icon-set/buy/", {"price": first_price(icons).id}, follow=True)
    assert "message--info" in response.content.decode()
    assert Purchase.objects.get().status == Status.PAID


def test_back_link_charges_nothing_and_keeps_the_session(as_ada: Client, icons: ProductConfiguration) -> None:
    url = press_buy(as_ada, icons)
    purchase = Purchase.objects.get()
    page = as_ada.get(f"/purchases/order/{purchase.public_id}/?canceled=1")
    assert 'data-state="canceled_by_buyer"' in page.content.decode()
    assert press_buy(as_ada, icons) == url


def test_declined_card_can_be_replaced_in_the_same_session(
    as_ada: Client, icons: ProductConfiguration
) -> None:
    url = press_buy(as_ada, icons)
    assert not pay(url, DECLINED)
    purchase = Purchase.objects.get()
    page = as_ada.get(f"/purchases/order/{purchase.public_id}/?canceled=1").content.decode()
    assert "Your card has been declined" in page or "Your card was declined" in page
    assert as_ada.get("/purchases/icon-set/").status_code == 302
    assert pay(url).endswith(str(purchase.session_id))


def test_product_of_an_expired_session_can_be_bought_again(
    as_ada: Client, icons: ProductConfiguration
) -> None:
    first = press_buy(as_ada, icons)
    purchase = Purchase.objects.get()
    get_client().v1.checkout.sessions.expire(str(purchase.session_id))
    page = as_ada.get(f"/purchases/order/{purchase.public_id}/").content.decode()
    assert "expired" in page
    assert b"Icon set" in as_ada.get("/purchases/").content  # with a link to buy again
    assert press_buy(as_ada, icons) != first
    assert Purchase.objects.filter(status=Status.OPEN).count() == 1


def test_session_is_found_again_after_a_crash_before_it_was_stored(
    as_ada: Client, icons: ProductConfiguration
) -> None:
    url = press_buy(as_ada, icons)
    Purchase.objects.update(session_id=None, checkout_url="")
    assert press_buy(as_ada, icons) == url
    assert len(sessions()) == 1


def test_crashed_checkout_from_another_host_is_replaced(
    as_ada: Client, icons: ProductConfiguration, settings: Any
) -> None:
    settings.DEBUG = True  # outside development, return URLs start with SITE_URL for every request host
    press_buy(as_ada, icons)
    Purchase.objects.update(session_id=None, checkout_url="")
    response = as_ada.post(
        "/store/icon-set/buy/", {"price": first_price(icons).id}, headers={"host": "localhost"}
    )
    assert response.status_code == 303
    assert sorted(Purchase.objects.values_list("status", flat=True)) == [Status.EXPIRED, Status.OPEN]


def test_customer_unknown_to_stripe_is_replaced(
    as_ada: Client, ada: User, icons: ProductConfiguration
) -> None:
    StripeCustomer.objects.create(id="cus_of_another_account", user=ada, livemode=False)
    press_buy(as_ada, icons)
    assert StripeCustomer.objects.get().id != "cus_of_another_account"


def test_unreachable_stripe_shows_an_error_to_the_shopper(
    as_ada: Client, icons: ProductConfiguration, disconnect_stripe: Any
) -> None:
    price = first_price(icons)
    disconnect_stripe()
    response = as_ada.post("/store/icon-set/buy/", {"price": price.id}, follow=True)
    assert response.status_code == 200
    assert "message--error" in response.content.decode()


def test_buyer_returns_to_the_page_that_required_the_product(
    as_ada: Client, icons: ProductConfiguration
) -> None:
    response = as_ada.get("/purchases/icon-set/?chapter=2", follow=True)
    assert response.redirect_chain[-1][0] == "/store/?product=icon-set"
    assert "message--info" in response.content.decode()
    back = pay(press_buy(as_ada, icons))
    response = as_ada.get(url_path(back))
    assert response["Location"] == "/purchases/icon-set/?chapter=2"


def test_second_press_after_a_crash_gets_the_same_customer(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_arguments: Any, **_options: Any) -> None:
        raise SystemError("killed after the customer was created")

    with monkeypatch.context() as patch:
        patch.setattr(StripeCustomer.objects, "get_or_create", crash)
        with pytest.raises(SystemError):
            press_buy(as_ada, icons)
    press_buy(as_ada, icons)
    assert len(sandbox.client.v1.customers.list().data) == 1
