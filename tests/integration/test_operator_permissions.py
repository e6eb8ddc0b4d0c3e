"""Staff who are not superusers cannot use the admin to get more permissions."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django_tasks_db.models import DBTaskResult

from apps.ecommerce.back_office import roles
from apps.ecommerce.back_office.roles import OPERATORS, SUPPORT, create_groups
from apps.users.models import User
from tests.factories import save_in_admin, signed_in

pytestmark = pytest.mark.django_db

USERS = "/admin/users/user/"
NEW = "correct horse battery staple"


@pytest.fixture(autouse=True)
def _no_second_factor(settings: Any) -> None:
    settings.ADMIN_REQUIRES_MFA = False


@pytest.fixture
def stan(db: None) -> User:
    """Create Stan, staff with every permission but not a superuser."""
    user = User.objects.create_user("stan@example.com", "stan-helps-out", is_staff=True)
    user.user_permissions.set(Permission.objects.all())
    return user


@pytest.fixture
def as_stan(stan: User) -> Client:
    return signed_in(stan)


@pytest.fixture
def otto(db: None) -> User:
    """Create Otto, another operator."""
    return User.objects.create_user("otto@example.com", "otto-is-here", is_staff=True)


def user_form(user: User, **changes: str) -> dict[str, str]:
    """Return every field of the user form, with values that an attacker would send."""
    rights = {"is_staff": "on", "is_superuser": "on", "groups": "1", "user_permissions": "1"}
    return {"email": user.email, "name": user.name, "is_active": "on", **rights, **changes}


def permissions_of(user: User) -> tuple[bool, bool, int, int]:
    user = User.objects.get(pk=user.pk)
    return user.is_staff, user.is_superuser, user.groups.count(), user.user_permissions.count()


def test_operator_can_help_shoppers(as_stan: Client, ada: User) -> None:
    form = as_stan.get(f"{USERS}{ada.pk}/change/").content.decode()
    for field in ("is_superuser", "is_staff", "groups", "user_permissions"):
        assert f'name="{field}"' not in form
    changed = save_in_admin(
        as_stan, f"{USERS}{ada.pk}/change/", {"email": ada.email, "name": "Countess", "is_active": ""}
    )
    assert changed.status_code == 302
    ada.refresh_from_db()
    assert (ada.name, ada.is_active) == ("Countess", False)
    EmailAddress.objects.create(user=ada, email=ada.email, primary=True)
    assert as_stan.post(f"{USERS}{ada.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not User.objects.filter(pk=ada.pk).exists()


def test_operator_cannot_grant_permissions(as_stan: Client, stan: User, ada: User, otto: User) -> None:
    group = Group.objects.create(name="everything")
    for user in (ada, stan, otto):
        before = permissions_of(user)
        as_stan.post(f"{USERS}{user.pk}/change/", user_form(user, groups=str(group.pk)))
        assert permissions_of(user) == before, user
    made = {"usable_password": "true", "password1": NEW, "password2": NEW}
    as_stan.post(f"{USERS}add/", {**user_form(User(email="new@example.com")), **made})
    assert permissions_of(User.objects.get(email="new@example.com")) == (False, False, 0, 0)


@pytest.mark.parametrize(
    "changes", [{"email": "stan+2@example.com"}, {"is_active": ""}, {"is_superuser": ""}]
)
@pytest.mark.parametrize("who", ["olive", "otto", "stan"])
def test_operator_cannot_change_an_operator(
    as_stan: Client, who: str, changes: dict[str, str], request: pytest.FixtureRequest
) -> None:
    """Operators change their e-mail and password on the account page, which requires reauthentication."""
    user: User = request.getfixturevalue(who)
    before = User.objects.values().get(pk=user.pk)
    assert as_stan.post(f"{USERS}{user.pk}/change/", user_form(user, **changes)).status_code == 403
    passwords = {"usable_password": "true", "password1": NEW, "password2": NEW}
    assert as_stan.get(f"{USERS}{user.pk}/password/").status_code == 403
    assert as_stan.post(f"{USERS}{user.pk}/password/", passwords).status_code == 403
    off = {"usable_password": "false", "unset-password": "1"}
    assert as_stan.post(f"{USERS}{user.pk}/password/", off).status_code == 403
    assert as_stan.post(f"{USERS}{user.pk}/delete/", {"post": "yes"}).status_code == 403
    assert User.objects.values().get(pk=user.pk) == before


def test_operator_cannot_bulk_delete_operators(as_stan: Client, olive: User, otto: User, ada: User) -> None:
    for chosen in ([olive.pk], [ada.pk, otto.pk], [ada.pk, olive.pk]):
        form: dict[str, Any] = {"action": "delete_selected", "_selected_action": chosen, "post": "yes"}
        assert as_stan.post(USERS, form).status_code == 403
        as_stan.post(USERS, {**form, "select_across": "1"})
    assert User.objects.count() == 4


def test_operator_cannot_read_or_remove_second_factors(as_stan: Client, olive: User, ada: User) -> None:
    for user in (olive, ada):
        secret = totp.generate_totp_secret()
        factor = totp.TOTP.activate(user, secret).instance
        page = f"/admin/mfa/authenticator/{factor.pk}"
        assert as_stan.get(f"{page}/change/").status_code == 200
        assert secret not in as_stan.get(f"{page}/change/").content.decode()
        assert as_stan.post(f"{page}/change/", {"user": ada.pk, "type": "totp"}).status_code == 403
        assert as_stan.post(f"{page}/delete/", {"post": "yes"}).status_code == 403
        form = {"action": "delete_selected", "_selected_action": [factor.pk], "post": "yes"}
        as_stan.post("/admin/mfa/authenticator/", form)
        guess = {"data__secret__startswith": secret[0]}
        assert as_stan.get("/admin/mfa/authenticator/", guess).status_code in (302, 400)
    assert Authenticator.objects.count() == 2


def test_operator_cannot_redirect_emails_of_another_account(as_stan: Client, olive: User, ada: User) -> None:
    """Codes and reset links are sent to the addresses in these tables, and providers sign in by them."""
    address = EmailAddress.objects.create(user=olive, email=olive.email, verified=True, primary=True)
    pending = EmailAddress.objects.create(user=ada, email="pending@example.com")
    own_address = {"user": olive.pk, "email": "stan+2@example.com", "verified": "on", "primary": "on"}
    pages = "/admin/account/emailaddress/"
    assert as_stan.get(pages).status_code == 200
    assert as_stan.post(f"{pages}add/", own_address).status_code == 403
    for row in (address, pending):
        assert as_stan.post(f"{pages}{row.pk}/change/", own_address).status_code == 403
    assert as_stan.post(f"{pages}{address.pk}/delete/", {"post": "yes"}).status_code == 403
    as_stan.post(pages, {"action": "make_verified", "_selected_action": [pending.pk]})
    as_stan.post(pages, {"action": "delete_selected", "_selected_action": [address.pk], "post": "yes"})
    rows = EmailAddress.objects.order_by("pk").values_list("user__email", "email", "verified")
    assert list(rows) == [(olive.email, olive.email, True), (ada.email, "pending@example.com", False)]

    account = SocialAccount.objects.create(user=ada, provider="github", uid="7")
    connection = {"user": olive.pk, "provider": "github", "uid": "8", "extra_data": "{}"}
    assert as_stan.post("/admin/socialaccount/socialaccount/add/", connection).status_code == 403
    page = f"/admin/socialaccount/socialaccount/{account.pk}/change/"
    assert as_stan.post(page, connection).status_code == 403
    assert list(SocialAccount.objects.values_list("user", "uid")) == [(ada.pk, "7")]


def test_operator_cannot_edit_groups(as_stan: Client, stan: User) -> None:
    group = Group.objects.create(name="helpers")
    stan.groups.add(group)
    form = {"name": "helpers", "permissions": [1, 2, 3]}
    assert as_stan.post(f"/admin/auth/group/{group.pk}/change/", form).status_code == 403
    assert as_stan.post("/admin/auth/group/add/", {**form, "name": "more"}).status_code == 403
    assert as_stan.post(f"/admin/auth/group/{group.pk}/delete/", {"post": "yes"}).status_code == 403
    groups = set(Group.objects.values_list("name", flat=True))
    assert (groups, group.permissions.count()) == ({"helpers", OPERATORS, SUPPORT}, 0)


def test_update_gives_the_groups_new_permissions_only(stan: User, monkeypatch: pytest.MonkeyPatch) -> None:
    # Test settings replace this function by a faster one.
    monkeypatch.setattr(roles, "create_permissions", create_permissions)
    operators, support = (Group.objects.get(name=name) for name in (OPERATORS, SUPPORT))
    taken_away = Permission.objects.get(codename="refund_purchase")
    operators.permissions.remove(taken_away)
    others = {*operators.permissions.exclude(codename="grant_access").values_list("codename", flat=True)}
    Permission.objects.filter(codename="grant_access").delete()  # the state before the update
    Permission.objects.filter(codename="view_discountcode").delete()
    create_groups()
    codenames = {*operators.permissions.values_list("codename", flat=True)}
    assert codenames == others | {"grant_access"}
    assert support.permissions.filter(codename="view_discountcode").exists()
    assert not support.permissions.filter(codename="grant_access").exists()


def test_operator_cannot_read_queued_emails(as_stan: Client) -> None:
    DBTaskResult.objects.create(
        task_path="apps.users.emails.deliver",
        args_kwargs={"args": ["reset"], "kwargs": {}},
        backend_name="default",
    )
    page = "/admin/django_tasks_database/dbtaskresult/"
    assert as_stan.get(page, {"status__exact": "READY"}).status_code == 200
    for guess in ({"args_kwargs__args__0__startswith": "r"}, {"args_kwargs__icontains": "reset"}):
        assert as_stan.get(page, guess).status_code in (302, 400)


def test_superuser_can_do_all_of_this(olive: User, otto: User, ada: User) -> None:
    client = signed_in(olive)
    form = {"email": ada.email, "is_active": "on", "is_staff": "on", "is_superuser": "on"}
    assert save_in_admin(client, f"{USERS}{ada.pk}/change/", form).status_code == 302
    assert permissions_of(ada)[:2] == (True, True)
    passwords = {"usable_password": "true", "password1": NEW, "password2": NEW}
    assert client.post(f"{USERS}{otto.pk}/password/", passwords).status_code == 302
    otto.refresh_from_db()
    assert otto.check_password(NEW)
    pending = EmailAddress.objects.create(user=otto, email=otto.email)
    client.post("/admin/account/emailaddress/", {"action": "make_verified", "_selected_action": [pending.pk]})
    assert EmailAddress.objects.get().verified
    assert save_in_admin(client, "/admin/auth/group/add/", {"name": "helpers"}).status_code == 302
    assert client.post(f"{USERS}{otto.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not User.objects.filter(pk=otto.pk).exists()
