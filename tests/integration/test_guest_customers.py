"""The customer that Stripe has created for a guest's payment becomes the account's, also after a failure."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.test import Client
from django.utils import timezone

from apps.ecommerce.models import ProductConfiguration, Purchase, StripeCustomer
from apps.ecommerce.operations.reconcile import reconcile
from apps.ecommerce.purchases import guest_orders
from apps.ecommerce.purchases.guest_orders import correct_address
from apps.users.models import User
from stripe_sandbox import storage
from tests.guest_actions import buy, emailed_link

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _guests_can_buy(settings: Any) -> None:
    settings.GUEST_CHECKOUT = True


def test_reconcile_copies_a_customer_after_a_failed_request(
    sandbox: Any, icons: ProductConfiguration
) -> None:
    order = buy(Client(), icons)
    Client().post(emailed_link())
    customer = StripeCustomer.objects.get()
    StripeCustomer.objects.all().delete()  # the process was killed after the claim
    reconcile()
    copied = StripeCustomer.objects.get()
    assert (copied.id, copied.user, copied.name) == (customer.id, User.objects.get(), customer.name)
    assert Purchase.objects.get().pk == order.pk


def test_missing_sessions_do_not_keep_reconcile_from_other_customers(
    sandbox: Any, icons: ProductConfiguration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guest_orders, "MAX_CUSTOMERS_PER_RUN", 1)
    former, order = buy(Client(), icons, email="former@example.com"), buy(Client(), icons)
    for number, row in enumerate((former, order)):
        user = User.objects.create_user(row.email)
        claimed_at = timezone.now() + timedelta(seconds=number)
        Purchase.objects.filter(pk=row.pk).update(user=user, claimed_at=claimed_at)
    Purchase.objects.filter(pk=former.pk).update(session_id="cs_test_of_another_account")
    reconcile()
    assert StripeCustomer.objects.get().user.email == order.email


@pytest.mark.parametrize("has_customer", [False, True])
def test_mistyped_address_is_corrected_at_stripe_when_the_account_takes_the_order(
    sandbox: Any, icons: ProductConfiguration, ada: User, has_customer: bool
) -> None:
    """Otherwise Stripe's receipts would go to a stranger."""
    EmailAddress.objects.get_or_create(user=ada, email=ada.email, defaults={"verified": True})
    if has_customer:
        StripeCustomer.objects.create(user=ada, livemode=False, id="cus_of_ada")
    browser = Client()
    order = buy(browser, icons, email="typo@example.com")
    browser.force_login(ada)
    browser.post("/purchases/claim/")
    session = sandbox.client.v1.checkout.sessions.retrieve(order.session_id)
    assert sandbox.client.v1.customers.retrieve(session.customer).email == ada.email
    customer = StripeCustomer.objects.get()
    assert (customer.id == "cus_of_ada") == has_customer
    assert not customer.is_email_outdated


def email_at_stripe(order: Purchase) -> Any:
    session = storage.get(str(order.session_id)) or {}
    return (storage.get(session["customer"]) or {})["email"]


def test_correction_that_failed_is_repeated_by_reconcile(
    sandbox: Any, icons: ProductConfiguration, disconnect_stripe: Any, settings: Any
) -> None:
    """Nobody claims the order, and Stripe's receipts would go to a stranger."""
    order = buy(Client(), icons, email="typo@example.com")
    connected = (settings.STRIPE_HTTP_CLIENT, settings.STRIPE_API_BASE)
    disconnect_stripe()
    assert correct_address(order, "right@example.com")
    assert email_at_stripe(order) == "typo@example.com"
    settings.STRIPE_HTTP_CLIENT, settings.STRIPE_API_BASE = connected
    assert reconcile().failures == []
    assert email_at_stripe(order) == "right@example.com"
    assert not Purchase.objects.get().is_address_outdated


def test_correction_by_a_claim_is_repeated_for_an_account_with_another_customer(
    sandbox: Any, icons: ProductConfiguration, ada: User, disconnect_stripe: Any, settings: Any
) -> None:
    EmailAddress.objects.get_or_create(user=ada, email=ada.email, defaults={"verified": True})
    StripeCustomer.objects.create(user=ada, livemode=False, id="cus_of_ada")
    browser = Client()
    order = buy(browser, icons, email="typo@example.com")
    browser.force_login(ada)
    connected = (settings.STRIPE_HTTP_CLIENT, settings.STRIPE_API_BASE)
    disconnect_stripe()
    browser.post("/purchases/claim/")
    settings.STRIPE_HTTP_CLIENT, settings.STRIPE_API_BASE = connected
    reconcile()
    assert email_at_stripe(order) == ada.email
    assert not Purchase.objects.get().is_address_outdated


def test_correction_is_sent_once(sandbox: Any, icons: ProductConfiguration) -> None:
    order = buy(Client(), icons, email="typo@example.com")
    assert correct_address(order, "right@example.com")
    assert email_at_stripe(order) == "right@example.com"
    assert not Purchase.objects.get().is_address_outdated


def test_refused_correction_does_not_stop_reconcile(
    sandbox: Any, icons: ProductConfiguration, club: ProductConfiguration
) -> None:
    """The customer was deleted in Stripe's Dashboard. Other orders are corrected."""
    orders = [buy(Client(), product, email="typo@example.com") for product in (icons, club)]
    storage.delete((storage.get(str(orders[0].session_id)) or {})["customer"])
    Purchase.objects.update(email="right@example.com", is_address_outdated=True)
    assert reconcile().failures == []
    assert email_at_stripe(orders[1]) == "right@example.com"
    assert not Purchase.objects.filter(is_address_outdated=True).exists(), "it would be refused each time"
