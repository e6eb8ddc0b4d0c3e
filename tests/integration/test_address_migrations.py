"""What the release before left in the database: accounts that signed up and proved nothing, and empty addresses."""

from __future__ import annotations

from importlib import import_module

import pytest
from allauth.account.models import EmailAddress
from django.apps import apps

from apps.users.models import User

migration = import_module("apps.users.migrations.0003_mark_unproven_signups")
pytestmark = pytest.mark.django_db


def account(email: str, row: str = "", *, verified: bool = False, primary: bool = True) -> User:
    user = User.objects.create_user(email or "x@example.com")
    User.objects.filter(pk=user.pk).update(email=email)
    if row:
        EmailAddress.objects.create(user=user, email=row, verified=verified, primary=primary)
    return user


def test_who_signed_up_and_proved_nothing_is_marked() -> None:
    signed_up = account("a@example.com", "a@example.com")
    account("b@example.com", "b@example.com", verified=True)
    account("made-by-an-operator@example.com")
    account("c@example.com", "c@example.com", primary=False)  # an operator's, looked at on the page
    migration.mark_unproven_signups(apps, None)
    assert list(User.objects.filter(unproven_signup=True)) == [signed_up]


def test_an_account_whose_address_was_emptied_gets_the_corrected_one() -> None:
    emptied = account("", "corrected@example.com", primary=False)
    migration.restore_addresses(apps, None)
    emptied.refresh_from_db()
    assert (emptied.email, emptied.unproven_signup) == ("corrected@example.com", True)


def test_an_emptied_address_that_another_account_has_is_left_alone() -> None:
    emptied = account("", "taken@example.com", primary=False)
    User.objects.create_user("taken@example.com")
    migration.restore_addresses(apps, None)
    emptied.refresh_from_db()
    assert emptied.email == ""
