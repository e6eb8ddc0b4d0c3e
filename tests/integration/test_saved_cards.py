"""Buyers who agree pay for later purchases with their saved card.

https://docs.stripe.com/payments/checkout/save-during-payment
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from apps.ecommerce.models import ProductConfiguration, Purchase, StripeCustomer
from apps.ecommerce.models import PurchaseStatus as Status
from apps.users import personal_data
from apps.users.models import User
from tests.factories import create_product, pay, press_buy, url_path
from tests.stripe_actions import last_session

pytestmark = pytest.mark.django_db

CONSENT = {"savePaymentMethod": "on"}


@pytest.fixture
def font(sandbox: Any) -> ProductConfiguration:
    return create_product(sandbox.client, "Font", 2900)


def offered_cards(url: str) -> list[str]:
    """Return the saved cards that the hosted page offers."""
    html = Client().get(url_path(url)).content.decode()
    return re.findall(r'name="savedPaymentMethod" value="(pm_\w+)"', html)


def test_one_time_payment_offers_to_save_and_remove_cards(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    press_buy(as_ada, icons)
    assert last_session(sandbox).saved_payment_method_options.to_dict() == {
        "allow_redisplay_filters": ["always"],
        "payment_method_remove": "enabled",
        "payment_method_save": "enabled",
    }


def test_subscription_saves_its_card_without_asking(
    as_ada: Client, club: ProductConfiguration, icons: ProductConfiguration, sandbox: Any
) -> None:
    url = press_buy(as_ada, club)
    assert last_session(sandbox).saved_payment_method_options.payment_method_save is None
    as_ada.get(url_path(pay(url)))
    assert offered_cards(press_buy(as_ada, icons)) == []


def test_second_purchase_needs_no_card(
    as_ada: Client, icons: ProductConfiguration, font: ProductConfiguration
) -> None:
    as_ada.get(url_path(pay(press_buy(as_ada, icons), **CONSENT)))
    url = press_buy(as_ada, font)
    (card,) = offered_cards(url)
    back = Client().post(url_path(url), {"savedPaymentMethod": card})["Location"]
    as_ada.get(url_path(back))
    purchase = Purchase.objects.get(product=font.product)
    assert (purchase.status, purchase.payment_method) == (Status.PAID, "Visa •••• 4242")


def test_card_is_asked_again_without_consent(
    as_ada: Client, ada: User, icons: ProductConfiguration, font: ProductConfiguration, sandbox: Any
) -> None:
    as_ada.get(url_path(pay(press_buy(as_ada, icons))))
    assert offered_cards(press_buy(as_ada, font)) == []
    customer = StripeCustomer.objects.get(user=ada).id
    assert sandbox.client.v1.customers.payment_methods.list(customer).data == []


def test_saved_card_is_offered_to_its_buyer_only(
    as_ada: Client, as_bob: Client, icons: ProductConfiguration, font: ProductConfiguration
) -> None:
    as_ada.get(url_path(pay(press_buy(as_ada, icons), **CONSENT)))
    (card,) = offered_cards(press_buy(as_ada, font))
    url = press_buy(as_bob, font)
    assert offered_cards(url) == []
    assert Client().post(url_path(url), {"savedPaymentMethod": card}).status_code == 200
    assert not Purchase.objects.filter(user__email="bob@example.com", status=Status.PAID).exists()


def test_buyer_removes_the_card(
    as_ada: Client, icons: ProductConfiguration, font: ProductConfiguration
) -> None:
    as_ada.get(url_path(pay(press_buy(as_ada, icons), **CONSENT)))
    url = press_buy(as_ada, font)
    (card,) = offered_cards(url)
    Client().post(url_path(url), {"savedPaymentMethod": card, "act": f"forget:{card}"})
    assert offered_cards(url) == []
    assert press_buy(as_ada, font) == url


@pytest.mark.parametrize("number", ["4000000000000341", "4000002760003184"])
def test_saved_card_that_cannot_pay_leaves_the_order_open(
    as_ada: Client, icons: ProductConfiguration, font: ProductConfiguration, number: str, sandbox: Any
) -> None:
    """The first card declines every payment after the first one, the second one requires 3D Secure for each."""
    first = press_buy(as_ada, icons)
    if pay(first, number, **CONSENT).endswith(url_path(first)):
        Client().post(f"{url_path(first)}/authenticate", {"outcome": "complete"})
    url = press_buy(as_ada, font)
    (card,) = offered_cards(url)
    Client().post(url_path(url), {"savedPaymentMethod": card})
    purchase = Purchase.objects.get(product=font.product)
    assert last_session(sandbox).status == "open"
    assert as_ada.get(purchase.get_absolute_url()).status_code == 200
    purchase.refresh_from_db()
    assert purchase.status == Status.OPEN


# --- deletion of the account ------------------------------------------------------------------------------


def saved_cards(sandbox: Any, customer: str) -> list[Any]:
    return list(sandbox.client.v1.customers.payment_methods.list(customer).data)


def test_deleting_the_account_removes_saved_cards(
    as_ada: Client, ada: User, icons: ProductConfiguration, font: ProductConfiguration, sandbox: Any
) -> None:
    as_ada.get(url_path(pay(press_buy(as_ada, icons), **CONSENT)))
    as_ada.get(
        url_path(pay(press_buy(as_ada, font), "5555555555554444", savedPaymentMethod="new", **CONSENT))
    )
    customer = StripeCustomer.objects.get(user=ada).id
    assert len(saved_cards(sandbox, customer)) == 2
    assert personal_data.delete_account(ada) == []
    assert saved_cards(sandbox, customer) == []
    assert sandbox.client.v1.customers.retrieve(customer).email == "ada@example.com"


def test_refused_deletion_keeps_the_card_of_a_running_subscription(
    as_ada: Client, ada: User, club: ProductConfiguration, sandbox: Any
) -> None:
    as_ada.get(url_path(pay(press_buy(as_ada, club))))
    customer = StripeCustomer.objects.get(user=ada).id
    assert len(personal_data.delete_account(ada)) == 1
    assert len(saved_cards(sandbox, customer)) == 1


def test_account_stays_if_a_card_cannot_be_removed(
    as_ada: Client, ada: User, icons: ProductConfiguration, sandbox: Any
) -> None:
    as_ada.get(url_path(pay(press_buy(as_ada, icons), **CONSENT)))
    sandbox.switches(api_status=400, api_times=9, api_path="POST /v1/payment_methods/*")
    assert len(personal_data.delete_account(ada)) == 1
    assert User.objects.filter(pk=ada.pk).exists()
    sandbox.switches(api_times=0)
    assert personal_data.delete_account(ada) == []


def test_account_is_deleted_if_the_key_may_not_remove_cards(
    as_ada: Client,
    ada: User,
    icons: ProductConfiguration,
    sandbox: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Shops that began before cards could be saved may have such a key."""
    as_ada.get(url_path(pay(press_buy(as_ada, icons), **CONSENT)))
    sandbox.switches(missing_permissions=["payment_method_write"])
    assert personal_data.delete_account(ada) == []
    assert "write access to PaymentMethods" in caplog.text


@pytest.mark.parametrize("elsewhere", [True, False])
def test_account_without_a_customer_at_stripe_is_deleted(
    as_ada: Client, ada: User, icons: ProductConfiguration, sandbox: Any, elsewhere: bool
) -> None:
    as_ada.get(url_path(pay(press_buy(as_ada, icons), **CONSENT)))
    sandbox.client.v1.customers.delete(StripeCustomer.objects.get(user=ada).id)
    if elsewhere:
        StripeCustomer.objects.update(id="cus_of_another_account")
    assert personal_data.delete_account(ada) == []
