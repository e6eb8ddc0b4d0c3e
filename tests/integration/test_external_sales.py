"""Sales that were made outside the store: by Payment Links, in Stripe's Dashboard, by other programs."""

from __future__ import annotations

from typing import Any

import pytest
import stripe
from allauth.account.models import EmailAddress
from allauth.account.signals import email_confirmed
from django.core import mail
from django.test import Client

from apps.ecommerce.models import ExternalSale, Mail, Payment, ProductConfiguration, Purchase
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.operations import alerts, shop_checks
from apps.ecommerce.operations.reconcile import reconcile
from apps.ecommerce.purchases.entitlements import owned
from apps.ecommerce.purchases.external_sales import assign_sale, import_invoice, import_session
from apps.ecommerce.purchases.external_subscriptions import import_subscription
from apps.ecommerce.stripe_api.client import fetch
from apps.users.models import User
from tests.factories import buy, pay, sent_kinds, signed_in
from tests.operator_actions import confirm
from tests.stripe_actions import deliver_all

pytestmark = pytest.mark.django_db(transaction=True)


def sell_elsewhere(
    sandbox: Any, configuration: ProductConfiguration, email: str = "ada@example.com", **more: Any
) -> stripe.checkout.Session:
    """Sell the product by a Checkout Session of another program, as a Payment Link does, and deliver its events."""
    price = configuration.prices[0]
    session = sandbox.client.v1.checkout.sessions.create(
        {
            "mode": "subscription" if price.is_recurring else "payment",
            "line_items": [{"price": price.id, "quantity": 1}],
            "success_url": "https://example.com/thanks",
            **({} if "customer" in more else {"customer_email": email}),
            **more,
        }
    )
    pay(session.url)
    deliver_all(sandbox)
    return session  # type: ignore[no-any-return]


def send_invoice(sandbox: Any, configuration: ProductConfiguration, email: str) -> stripe.Invoice:
    """Bill the product as a founder does in Stripe's Dashboard, pay the invoice, and deliver its events."""
    stripe_v1 = sandbox.client.v1
    customer = stripe_v1.customers.create({"email": email}).id
    method = stripe_v1.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    invoice = stripe_v1.invoices.create({"customer": customer, "default_payment_method": method})
    item = {"customer": customer, "invoice": invoice.id, "pricing": {"price": configuration.prices[0].id}}
    stripe_v1.invoice_items.create(item)
    stripe_v1.invoices.finalize_invoice(invoice.id)
    invoice = stripe_v1.invoices.pay(invoice.id)
    deliver_all(sandbox)
    return invoice  # type: ignore[no-any-return]


def subscribe_elsewhere(sandbox: Any, configuration: ProductConfiguration, email: str) -> stripe.Subscription:
    stripe_v1 = sandbox.client.v1
    customer = stripe_v1.customers.create({"email": email}).id
    method = stripe_v1.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    items = [{"price": configuration.prices[0].id}]
    made = {"customer": customer, "items": items, "default_payment_method": method}
    subscription = stripe_v1.subscriptions.create(made)
    deliver_all(sandbox)
    return subscription  # type: ignore[no-any-return]


@pytest.fixture
def verified(ada: User) -> User:
    EmailAddress.objects.update_or_create(
        user=ada, email=ada.email, defaults={"verified": True, "primary": True}
    )
    return ada


@pytest.fixture
def adopting(settings: Any) -> None:
    settings.ADOPT_FOREIGN_SALES = True


def test_sale_outside_the_store_waits_for_the_operator(
    verified: User, icons: ProductConfiguration, sandbox: Any
) -> None:
    session = sell_elsewhere(sandbox, icons)
    sale = ExternalSale.objects.get()
    assert (sale.id, sale.email, sale.amount, sale.currency) == (session.id, "ada@example.com", 1900, "usd")
    assert sale.price.product == icons.product
    assert not Purchase.objects.exists()
    (alert,) = alerts.send_alerts()
    assert "Sales outside the store" in alert


def test_operator_assigns_a_sale(
    verified: User, icons: ProductConfiguration, sandbox: Any, olive: User
) -> None:
    session = sell_elsewhere(sandbox, icons)
    operator = signed_in(olive)
    page = operator.get("/admin/ecommerce/externalsale/").content.decode()
    url = f"/admin/ecommerce/externalsale/{session.id}/assign/"
    button = f'href="{url}?email=ada%40example.com"'
    assert button in page
    assert 'value="ada@example.com"' in operator.get(f"{url}?email=ada%40example.com").content.decode()
    response = confirm(operator, url, email="ada@example.com")
    assert response.status_code == 302
    purchase = owned(verified, icons.product)
    assert purchase
    assert (purchase.session_id, purchase.status, purchase.amount_total) == (session.id, Status.PAID, 1900)
    assert purchase.payments.get().amount_paid == 1900
    assert sent_kinds() == [Mail.Kind.CONFIRMED]
    assert alerts.send_alerts() == []
    assert button not in operator.get("/admin/ecommerce/externalsale/").content.decode()


def test_assigning_twice_changes_nothing(
    verified: User, icons: ProductConfiguration, sandbox: Any, olive: User
) -> None:
    sell_elsewhere(sandbox, icons)
    sale = ExternalSale.objects.get()
    first = assign_sale(sale, verified, "test")
    assert assign_sale(sale, olive, "test") == first
    assert Purchase.objects.get().user == verified


def test_sale_is_not_assigned_to_an_account_that_has_not_verified_the_address(
    ada: User, icons: ProductConfiguration, sandbox: Any, olive: User, adopting: None
) -> None:
    EmailAddress.objects.update_or_create(user=ada, email=ada.email, defaults={"verified": False})
    session = sell_elsewhere(sandbox, icons)
    assert not Purchase.objects.exists()
    operator = signed_in(olive)
    assert "?email=" not in operator.get("/admin/ecommerce/externalsale/").content.decode()
    url = f"/admin/ecommerce/externalsale/{session.id}/assign/"
    response = confirm(operator, url, email="ada@example.com")
    assert response.context["form"].errors
    assert not Purchase.objects.exists()


def test_ignored_sales_are_neither_reported_nor_adopted(
    verified: User, icons: ProductConfiguration, sandbox: Any, olive: User, settings: Any
) -> None:
    session = sell_elsewhere(sandbox, icons)
    operator = signed_in(olive)
    operator.post(
        "/admin/ecommerce/externalsale/", {"action": "ignore", "_selected_action": [session.id]}, follow=True
    )
    assert alerts.send_alerts() == []
    settings.ADOPT_FOREIGN_SALES = True
    reconcile()
    assert import_session(session.id, "the event was sent again") is None
    assert not Purchase.objects.exists()


@pytest.mark.parametrize("kind", ["session", "subscription", "invoice", "subscription session"])
def test_sale_to_a_verified_address_is_adopted(
    verified: User,
    icons: ProductConfiguration,
    club: ProductConfiguration,
    sandbox: Any,
    adopting: None,
    kind: str,
) -> None:
    is_recurring = "subscription" in kind
    sold = club if is_recurring else icons
    if "session" in kind:
        sell_elsewhere(sandbox, sold, email="Ada@Example.com")
    else:
        sell = subscribe_elsewhere if is_recurring else send_invoice
        sell(sandbox, sold, "Ada@Example.com")
    purchase = owned(verified, sold.product)
    assert purchase
    assert purchase.status == (Status.ACTIVE if is_recurring else Status.PAID)
    assert [payment.amount_paid for payment in purchase.payments.all()] == [900 if is_recurring else 1900]
    assert ExternalSale.objects.get().purchase == purchase
    assert sent_kinds() == [Mail.Kind.CONFIRMED]
    page = signed_in(verified).get(purchase.get_absolute_url())
    assert page.status_code == 200
    reconcile()
    assert Purchase.objects.get() == purchase
    assert alerts.send_alerts() == []


@pytest.mark.parametrize("kind", ["session", "invoice"])
def test_refund_of_an_adopted_sale_ends_access(
    verified: User, icons: ProductConfiguration, sandbox: Any, adopting: None, kind: str
) -> None:
    if kind == "session":
        sell_elsewhere(sandbox, icons)
    else:
        send_invoice(sandbox, icons, verified.email)
    intent = Purchase.objects.get().payment_intent_id
    sandbox.client.v1.refunds.create({"payment_intent": intent})
    deliver_all(sandbox)
    assert owned(verified, icons.product) is None
    assert Purchase.objects.get().amount_refunded == 1900


def test_sale_before_the_account_existed_is_adopted_when_the_address_is_confirmed(
    icons: ProductConfiguration, sandbox: Any, adopting: None
) -> None:
    sell_elsewhere(sandbox, icons, email="new@example.com")
    user = User.objects.create_user("new@example.com", password="demo-shop-2026")
    row, _created = EmailAddress.objects.update_or_create(
        user=user, email=user.email, defaults={"verified": True}
    )
    email_confirmed.send(EmailAddress, request=None, email_address=row)
    assert owned(user, icons.product)


def test_reconcile_adopts_sales_whose_buyers_have_an_account_by_now(
    icons: ProductConfiguration, sandbox: Any, adopting: None
) -> None:
    sell_elsewhere(sandbox, icons, email="new@example.com")
    user = User.objects.create_user("new@example.com", password="demo-shop-2026")
    EmailAddress.objects.update_or_create(user=user, email=user.email, defaults={"verified": True})
    reconcile()
    assert owned(user, icons.product)


def test_sale_whose_events_were_lost_is_found(
    verified: User, icons: ProductConfiguration, sandbox: Any, adopting: None
) -> None:
    sandbox.switches(drop=["*"])
    sell_elsewhere(sandbox, icons)
    assert not ExternalSale.objects.exists()
    reconcile()
    assert owned(verified, icons.product)


def test_unpaid_and_unknown_sales_are_not_listed(
    verified: User, icons: ProductConfiguration, sandbox: Any
) -> None:
    sandbox.switches(drop=["product.*", "price.*"])
    other = sandbox.client.v1.products.create({"name": "Consulting"}).id
    price = sandbox.client.v1.prices.create({"product": other, "currency": "usd", "unit_amount": 500}).id
    sell_elsewhere(sandbox, icons, line_items=[{"price": price, "quantity": 1}])
    sandbox.client.v1.checkout.sessions.create(
        {
            "mode": "payment",
            "line_items": [{"price": icons.prices[0].id, "quantity": 1}],
            "success_url": "https://example.com/",
        }
    )
    deliver_all(sandbox)
    assert not ExternalSale.objects.exists()


def test_sales_of_the_store_and_of_other_shops_are_not_external_sales(
    as_ada: Client, verified: User, icons: ProductConfiguration, sandbox: Any, settings: Any
) -> None:
    settings.CHECKOUT_INVOICES = True
    buy(as_ada, icons)
    deliver_all(sandbox)
    sell_elsewhere(sandbox, icons, metadata={"shop": "another.example.com"})
    assert Purchase.objects.count() == 1
    assert not ExternalSale.objects.exists()


def test_session_with_an_invoice_is_one_sale(
    verified: User, icons: ProductConfiguration, sandbox: Any
) -> None:
    session = sell_elsewhere(sandbox, icons, invoice_creation={"enabled": True})
    assert [sale.id for sale in ExternalSale.objects.all()] == [session.id]


def test_sale_of_two_products_names_the_other_one(
    verified: User, icons: ProductConfiguration, sandbox: Any
) -> None:
    other = sandbox.client.v1.products.create({"name": "Second set"}).id
    price = sandbox.client.v1.prices.create({"product": other, "currency": "usd", "unit_amount": 500}).id
    deliver_all(sandbox)
    lines = [{"price": icons.prices[0].id, "quantity": 3}, {"price": price, "quantity": 1}]
    sell_elsewhere(sandbox, icons, line_items=lines)
    sale = ExternalSale.objects.get()
    assert (sale.price.product, sale.quantity, sale.also_sold) == (icons.product, 3, "Second set")


def test_known_customer_needs_no_setting(
    as_ada: Client, ada: User, icons: ProductConfiguration, club: ProductConfiguration, sandbox: Any
) -> None:
    buy(as_ada, club)
    deliver_all(sandbox)
    mail.outbox.clear()
    customer = ada.stripe_customers.get().id
    sell_elsewhere(sandbox, icons, customer=customer)
    assert owned(ada, icons.product)


def test_stripe_error_while_assigning_keeps_the_sale(
    verified: User, icons: ProductConfiguration, sandbox: Any, olive: User
) -> None:
    session = sell_elsewhere(sandbox, icons)
    operator = signed_in(olive)
    sandbox.switches(api_status=500, api_times=99)
    url = f"/admin/ecommerce/externalsale/{session.id}/assign/"
    page = confirm(operator, url, email="ada@example.com")
    assert "did not answer" in page.content.decode()
    sandbox.switches(api_status=0, api_times=0)
    reconcile()
    assert owned(verified, icons.product)


def test_unpaid_subscription_is_not_a_sale_until_it_is_paid(
    verified: User, club: ProductConfiguration, sandbox: Any
) -> None:
    v1 = sandbox.client.v1
    customer = v1.customers.create({"email": verified.email}).id
    declined = v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer}).id
    items = [{"price": club.prices[0].id}]
    v1.subscriptions.create({"customer": customer, "items": items, "default_payment_method": declined})
    deliver_all(sandbox)
    assert not ExternalSale.objects.exists()
    method = v1.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    (invoice,) = v1.invoices.list({"customer": customer}).data
    v1.invoices.pay(invoice.id, {"payment_method": method})
    deliver_all(sandbox)
    assert ExternalSale.objects.get().price.product == club.product


def test_renewal_in_the_shape_of_an_older_api_version_is_not_a_new_sale(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    buy(as_ada, club)
    deliver_all(sandbox)
    (invoice,) = sandbox.client.v1.invoices.list().data
    assert import_invoice(invoice.id, "test") is None  # webhooks.py finds no subscription in such an event
    Payment.objects.all().delete()
    assert import_invoice(invoice.id, "test") is None
    assert not ExternalSale.objects.exists()


def test_sales_of_live_mode_are_not_assigned_in_test_mode(
    verified: User, icons: ProductConfiguration, sandbox: Any, olive: User
) -> None:
    session = sell_elsewhere(sandbox, icons)
    ExternalSale.objects.update(livemode=True)
    operator = signed_in(olive)
    assert "/assign/" not in operator.get("/admin/ecommerce/externalsale/").content.decode()
    url = f"/admin/ecommerce/externalsale/{session.id}/assign/"
    assert operator.post(url, {"email": verified.email}).status_code == 404
    assert shop_checks.check_shop()["sales-unassigned"] == []


def test_subscription_of_the_store_that_was_just_synced_is_not_an_external_sale(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    """Another process may sync the purchase after this one has not found its subscription."""
    purchase = buy(as_ada, club)
    subscription = fetch("subscriptions", purchase.subscription_id)
    assert import_subscription(subscription, "test") == purchase
    assert not ExternalSale.objects.exists()
