"""External sales and reconcile under attack, at scale, and after errors."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import Permission

from apps.ecommerce.models import ExternalSale, Product, ProductConfiguration, Purchase
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.operations import reconcile_alerts
from apps.ecommerce.operations.reconcile import reconcile
from apps.ecommerce.purchases import external_sales
from apps.ecommerce.purchases.external_sales import assign_sale
from apps.ecommerce.purchases.external_subscriptions import import_subscription
from apps.ecommerce.purchases.payments.stored_payments import purchases_for_payment
from apps.ecommerce.stripe_api.client import fetch
from apps.users.models import User
from tests.factories import signed_in
from tests.integration.test_external_sales import (
    sell_elsewhere,
    send_invoice,
    subscribe_elsewhere,
)

pytestmark = pytest.mark.django_db(transaction=True)


def test_reference_in_the_url_of_a_payment_link_does_not_change_another_purchase(
    ada: User, icons: ProductConfiguration, club: ProductConfiguration, sandbox: Any
) -> None:
    """The buyer may add ?client_reference_id=… to the URL of a Payment Link."""
    subscribe_elsewhere(sandbox, club, ada.email)
    purchase = assign_sale(ExternalSale.objects.get(), ada, "test")
    session = sell_elsewhere(sandbox, icons, client_reference_id=str(purchase.public_id))
    purchase.refresh_from_db()
    assert (purchase.session_id, purchase.status) == (None, Status.ACTIVE)
    assert ExternalSale.objects.filter(id=session.id).exists()


def test_customer_of_an_unknown_product_is_not_fetched(sandbox: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """reconcile_purchases compares all subscriptions of the Stripe account, in each run."""
    sandbox.switches(drop=["*"])
    v1 = sandbox.client.v1
    product = v1.products.create({"name": "Consulting"}).id
    price = {"product": product, "currency": "usd", "unit_amount": 500, "recurring": {"interval": "month"}}
    customer = v1.customers.create({"email": "olive@example.com"}).id
    method = v1.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    items = [{"price": v1.prices.create(price).id}]
    made = {"customer": customer, "items": items, "default_payment_method": method}
    subscription = fetch("subscriptions", v1.subscriptions.create(made).id)

    def refuse(kind: str, *args: Any, **more: Any) -> None:
        raise AssertionError(f"fetched {kind}")

    monkeypatch.setattr(external_sales, "fetch_or_none", refuse)
    assert import_subscription(subscription, "reconcile") is None
    assert not ExternalSale.objects.exists()


def test_staff_without_the_permission_to_change_sales_cannot_ignore_them(
    icons: ProductConfiguration, sandbox: Any
) -> None:
    session = sell_elsewhere(sandbox, icons)
    staff = User.objects.create_user("staff@example.com", is_staff=True)
    staff.user_permissions.add(Permission.objects.get(codename="view_externalsale"))
    url = "/admin/ecommerce/externalsale/"
    client = signed_in(staff)
    assert client.get(url).status_code == 200
    client.post(url, {"action": "ignore", "_selected_action": [session.id]}, follow=True)
    assert ExternalSale.objects.get().ignored_at is None


def test_free_sale_is_synced_by_reconcile_after_a_failed_assignment(
    ada: User, icons: ProductConfiguration, sandbox: Any
) -> None:
    price = sandbox.client.v1.prices.create(
        {"product": icons.product_id, "currency": "usd", "unit_amount": 0}
    ).id
    sell_elsewhere(sandbox, icons, line_items=[{"price": price, "quantity": 1}])
    sale = ExternalSale.objects.get()
    fields = {"session_id": sale.id, "currency": "usd", "status": Status.PROCESSING}
    # The state after a failed sync.
    sale.purchase = Purchase.objects.create_for(ada, sale.price, "test", **fields)
    sale.save()
    assert sale.purchase.amount_total == 0
    assert list(Purchase.objects.without_payments()) == [sale.purchase]
    sandbox.switches(drop=["*"])
    reconcile()
    assert Purchase.objects.get().status == Status.PAID
    assert not Purchase.objects.without_payments().exists()


def test_each_payment_of_an_invoice_leads_to_its_purchase(
    ada: User, icons: ProductConfiguration, sandbox: Any
) -> None:
    send_invoice(sandbox, icons, ada.email)
    purchase = assign_sale(ExternalSale.objects.get(), ada, "test")
    intent = purchase.payment_intent_id
    # An invoice may have several payments; the row has the id of one.
    Purchase.objects.update(payment_intent_id="")
    purchase.payments.update(payment_intent_id="")
    assert purchases_for_payment(intent) == [purchase]


def test_alerts_are_sent_after_an_unexpected_error_of_reconcile(
    sandbox: Any, mailoutbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **options: Any) -> None:
        raise ValueError("a row is broken")

    monkeypatch.setattr(reconcile_alerts, "reconcile", fail)
    with pytest.raises(ValueError, match="broken"):
        reconcile_alerts.reconcile_and_alert()
    (message,) = [row for row in mailoutbox if "reconcile-failing" in row.subject + row.body]
    assert "a row is broken" in message.body


def test_adopted_subscription_is_not_reported_as_a_lost_event(
    ada: User, club: ProductConfiguration, sandbox: Any, settings: Any
) -> None:
    subscribe_elsewhere(sandbox, club, ada.email)
    EmailAddress.objects.update_or_create(user=ada, email=ada.email, defaults={"verified": True})
    settings.ADOPT_FOREIGN_SALES = True
    report, texts = reconcile_alerts.reconcile_and_alert()
    assert Purchase.objects.get().user == ada
    assert report.found == []
    assert texts == []


def test_button_escapes_the_address_and_the_name(
    ada: User, icons: ProductConfiguration, sandbox: Any, olive: User
) -> None:
    sell_elsewhere(sandbox, icons)
    address = '"<b>x</b>"@example.com'
    Product.objects.update(name="<script>alert(1)</script>")
    ExternalSale.objects.update(email=address, also_sold="<script>")
    EmailAddress.objects.create(user=ada, email=address, verified=True)
    operator = signed_in(olive)
    page = operator.get("/admin/ecommerce/externalsale/").content.decode()
    page += operator.get(
        f"/admin/ecommerce/externalsale/{ExternalSale.objects.get().pk}/assign/"
    ).content.decode()
    assert "?email=" in page
    assert "<b>x" not in page
    assert "<script>alert" not in page
