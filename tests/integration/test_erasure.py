"""Operators erase the data of a person who asks for it. What tax law requires is kept, and named."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client

from apps.ecommerce.models import ProductConfiguration, Purchase, StripeCustomer
from apps.users.models import User
from tests.factories import buy, press_buy, save_in_admin, signed_in

pytestmark = pytest.mark.django_db

USERS = "/admin/users/user/"


@pytest.fixture
def as_helper(settings: Any) -> Client:
    """Sign in as staff who may see and delete users and nothing else."""
    settings.ADMIN_REQUIRES_MFA = False
    helper = User.objects.create_user("helper@example.com", "helps-buyers", is_staff=True)
    names = ("view_user", "change_user", "delete_user")
    helper.user_permissions.set(Permission.objects.filter(codename__in=names))
    return signed_in(helper)


def erase(operator: Client, *users: User, confirmed: bool = True) -> Any:
    form = {"action": "erase_users", "_selected_action": [user.pk for user in users]}
    return operator.post(USERS, form | ({"confirmed": "yes"} if confirmed else {}), follow=True)


def test_confirmation_names_what_is_kept_and_erases_nothing(
    as_helper: Client, as_ada: Client, ada: User, icons: ProductConfiguration
) -> None:
    purchase = buy(as_ada, icons)
    page = erase(as_helper, ada, confirmed=False).content.decode()
    assert ada.email in page
    assert purchase.order_number in page
    assert User.objects.filter(pk=ada.pk).exists()


def test_erasing_deletes_the_account_and_keeps_purchases(
    as_helper: Client, as_ada: Client, ada: User, icons: ProductConfiguration
) -> None:
    purchase = buy(as_ada, icons)
    save_in_admin(
        as_helper, f"{USERS}{ada.pk}/change/", {"email": ada.email, "name": "Countess", "is_active": "on"}
    )
    assert LogEntry.objects.filter(object_repr__contains=ada.email).exists()
    erase(as_helper, ada)
    assert not User.objects.filter(pk=ada.pk).exists()
    assert not StripeCustomer.objects.exists()
    purchase.refresh_from_db()
    assert (purchase.user, purchase.status, purchase.payments.count()) == (None, "paid", 1)
    entries = LogEntry.objects.filter(object_id=str(ada.pk))
    assert {entry.user.email for entry in entries} == {"helper@example.com"}
    assert {entry.object_repr for entry in entries} == {f"user {ada.pk}"}
    assert not any("Countess" in entry.change_message or "ada@" in entry.change_message for entry in entries)


def test_running_subscription_is_named_and_refused(
    as_helper: Client, as_ada: Client, ada: User, club: ProductConfiguration
) -> None:
    buy(as_ada, club)
    for confirmed in (False, True):
        assert club.product.name in erase(as_helper, ada, confirmed=confirmed).content.decode()
    assert User.objects.filter(pk=ada.pk).exists()


def test_open_checkout_is_closed_at_stripe(
    as_helper: Client, as_ada: Client, ada: User, icons: ProductConfiguration, sandbox: Any
) -> None:
    press_buy(as_ada, icons)
    erase(as_helper, ada)
    assert not User.objects.filter(pk=ada.pk).exists()
    session = sandbox.client.v1.checkout.sessions.retrieve(str(Purchase.objects.get().session_id))
    assert session.status == "expired"


@pytest.mark.parametrize("rights", [{"is_staff": True}, {"is_superuser": True}])
def test_operators_are_not_erased(as_helper: Client, olive: User, ada: User, rights: dict[str, bool]) -> None:
    User.objects.filter(pk=ada.pk).update(**rights)
    assert erase(as_helper, ada).status_code == 403
    erase(signed_in(olive), ada)
    assert User.objects.filter(pk=ada.pk).exists()


def test_permission_to_delete_users_is_required(as_helper: Client, ada: User) -> None:
    helper = User.objects.get(email="helper@example.com")
    helper.user_permissions.remove(Permission.objects.get(codename="delete_user"))
    erase(as_helper, ada)
    assert User.objects.filter(pk=ada.pk).exists()
