"""Operators correct the address of orders and sales without account; accounts keep the address of their user."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import Permission
from django.core import mail as outbox
from django.test import Client
from django.urls import reverse

from apps.ecommerce.back_office.actions.base import order_state
from apps.ecommerce.models import ExternalSale, OperatorAction, ProductConfiguration, Purchase
from apps.ecommerce.purchases.entitlements import owned
from apps.users.models import User
from tests.factories import buy, signed_in
from tests.integration.test_external_sales import sell_elsewhere
from tests.integration.test_granted_access import give
from tests.integration.test_resend_action import an_hour_later, resend
from tests.operator_actions import action_url, confirm, hidden_fields

pytestmark = pytest.mark.django_db(transaction=True)


def test_order_of_a_deleted_account_is_corrected(
    as_ada: Client, ada: User, as_olive: Client, icons: ProductConfiguration
) -> None:
    purchase = buy(as_ada, icons)
    ada.delete()
    assert (
        confirm(as_olive, action_url(purchase, "correct-email"), email="ada@new.example").status_code == 302
    )
    purchase.refresh_from_db()
    assert (purchase.email, purchase.current_email) == ("ada@new.example", "ada@new.example")
    entry = OperatorAction.objects.get()
    assert "from ada@example.com to ada@new.example" in entry.message
    an_hour_later()
    resend(as_olive, purchase, "confirmed")
    assert outbox.outbox[-1].to == ["ada@new.example"]
    page = confirm(as_olive, action_url(purchase, "correct-email"), email="ada@new.example")
    assert "has this address already" in page.content.decode()


def test_address_of_an_account_stays_its_users(
    as_ada: Client, ada: User, as_olive: Client, icons: ProductConfiguration
) -> None:
    purchase = buy(as_ada, icons)
    order = as_olive.get(reverse("admin:ecommerce_purchase_change", args=[purchase.pk])).content.decode()
    assert action_url(purchase, "correct-email") not in order
    url = action_url(purchase, "correct-email")
    assert as_olive.get(url).status_code == 302
    token = {"token": "00000000-0000-4000-8000-000000000000", "state": "x"}
    assert as_olive.post(url, {**token, "email": "evil@example.com"}).status_code == 302
    purchase.refresh_from_db()
    ada.refresh_from_db()
    assert (purchase.email, ada.email) == ("ada@example.com", "ada@example.com")


def test_two_operators_correct_one_after_the_other(
    as_ada: Client, ada: User, as_olive: Client, icons: ProductConfiguration
) -> None:
    purchase = buy(as_ada, icons)
    ada.delete()
    url = action_url(purchase, "correct-email")
    fields = hidden_fields(as_olive.get(url).content.decode())
    confirm(as_olive, url, email="first@example.com")
    page = as_olive.post(url, {**fields, "email": "second@example.com"})
    assert "has changed since you opened" in page.content.decode()
    purchase.refresh_from_db()
    assert purchase.email == "first@example.com"


def test_sale_with_a_mistyped_address_is_corrected_and_adopted(
    ada: User, as_olive: Client, icons: ProductConfiguration, sandbox: Any, settings: Any
) -> None:
    EmailAddress.objects.update_or_create(user=ada, email=ada.email, defaults={"verified": True})
    session = sell_elsewhere(sandbox, icons)
    ExternalSale.objects.update(email="ada@exmaple.com")
    url = reverse("admin:ecommerce_externalsale_email", args=[session.id])
    confirm(as_olive, url, email="ada@example.com")
    assert ExternalSale.objects.get().email == "ada@example.com"
    assert not Purchase.objects.exists()
    settings.ADOPT_FOREIGN_SALES = True
    ExternalSale.objects.update(email="ada@exmaple.com")
    response = confirm(as_olive, url, email="ada@example.com")
    purchase = owned(ada, icons.product)
    assert purchase
    assert response["Location"] == reverse("admin:ecommerce_purchase_change", args=[purchase.pk])
    assert OperatorAction.objects.filter(purchase=purchase).count() == 1
    assert as_olive.get(url).status_code == 302


def test_assigning_is_logged_once_and_shown_in_the_timeline(
    ada: User, as_olive: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    EmailAddress.objects.update_or_create(user=ada, email=ada.email, defaults={"verified": True})
    session = sell_elsewhere(sandbox, icons)
    url = reverse("admin:ecommerce_externalsale_assign", args=[session.id])
    fields = {"email": ada.email, **hidden_fields(as_olive.get(url).content.decode())}
    assert [as_olive.post(url, fields).status_code for _ in range(2)] == [302, 302]
    purchase = Purchase.objects.get()
    entry = OperatorAction.objects.get()
    assert (entry.action, entry.subject, entry.purchase) == ("assign-sale", session.id, purchase)
    page = as_olive.get(reverse("admin:ecommerce_purchase_change", args=[purchase.pk])).content.decode()
    assert "olive@example.com" in page
    assert "Sold outside the store" in page


def test_sale_that_was_assigned_to_another_account_is_refused(
    ada: User, bob: User, as_olive: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    for user in (ada, bob):
        EmailAddress.objects.update_or_create(user=user, email=user.email, defaults={"verified": True})
    session = sell_elsewhere(sandbox, icons)
    url = reverse("admin:ecommerce_externalsale_assign", args=[session.id])
    fields = hidden_fields(as_olive.get(url).content.decode())
    confirm(as_olive, url, email=ada.email)
    page = as_olive.post(url, {**fields, "email": bob.email})
    assert "belongs to another account" in page.content.decode()
    assert Purchase.objects.get().user == ada


@pytest.mark.parametrize("name", ["assign", "email"])
def test_sale_needs_its_own_permission(
    bob: User, as_olive: Client, icons: ProductConfiguration, sandbox: Any, name: str
) -> None:
    session = sell_elsewhere(sandbox, icons)
    bob.is_staff = True
    bob.save()
    codes = ["view_externalsale", "change_externalsale"]
    bob.user_permissions.set(Permission.objects.filter(codename__in=codes))
    url = reverse(f"admin:ecommerce_externalsale_{name}", args=[session.id])
    assert signed_in(bob).get(url).status_code == 403
    assert signed_in(bob).post(url, {"email": "bob@example.com"}).status_code == 403
    bob.user_permissions.add(*Permission.objects.filter(codename__in=["assign_sale", "correct_email"]))
    assert signed_in(User.objects.get(pk=bob.pk)).get(url).status_code == 200


def test_ignoring_is_logged(as_olive: Client, icons: ProductConfiguration, sandbox: Any) -> None:
    session = sell_elsewhere(sandbox, icons)
    url = reverse("admin:ecommerce_externalsale_changelist")
    for action in ("ignore", "ignore", "stop_ignoring"):
        as_olive.post(url, {"action": action, "_selected_action": [session.id]})
    names = list(OperatorAction.objects.order_by("pk").values_list("action", flat=True))
    assert names == ["ignore-sale", "stop-ignoring-sale"]
    assert ExternalSale.objects.get().ignored_at is None


def test_access_that_waits_for_an_address_is_not_moved_to_another(
    as_olive: Client, icons: ProductConfiguration
) -> None:
    purchase = give(as_olive, icons, "nobody@example.com")
    url = action_url(purchase, "correct-email")
    order = as_olive.get(reverse("admin:ecommerce_purchase_change", args=[purchase.pk])).content.decode()
    assert url not in order
    token = {"token": "00000000-0000-4000-8000-000000000000", "state": order_state(purchase)}
    assert as_olive.post(url, {**token, "email": "evil@example.com"}).status_code == 302
    purchase.refresh_from_db()
    assert purchase.email == "nobody@example.com"
