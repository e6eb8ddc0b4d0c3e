"""Export and delete a user's data. In ready() other apps add to `sections` and to the lists below."""

from collections.abc import Callable

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.db import router, transaction
from django.db.models import F, ProtectedError, RestrictedError
from django.db.models.deletion import Collector
from django.utils.translation import gettext as _

from apps.users.models import AddressChange, User

JSON = str | int | float | bool | None | list["JSON"] | dict[str, "JSON"]


class DeletionRefused(Exception):
    pass  # its message is shown to the user


def _protected_records(user: User) -> str | None:
    """Models of apps/shop may refer to a user with on_delete=PROTECT or RESTRICT."""
    try:
        Collector(using=router.db_for_write(User), origin=user).collect([user])
        return None
    except ProtectedError as error:
        rows = error.protected_objects
    except RestrictedError as error:
        rows = error.restricted_objects
    names = sorted({str(row._meta.verbose_name_plural) for row in rows})
    text = _("Other records belong to this account: %(records)s. To delete it, please write to %(email)s.")
    return text % {"records": ", ".join(names), "email": settings.SUPPORT_EMAIL}


# Return why the account cannot be deleted, or None. The text is shown to the user.
deletion_checks: list[Callable[[User], str | None]] = [_protected_records]
# Run before the transaction, so they may send requests to other servers. They may raise DeletionRefused.
deletion_preparations: list[Callable[[User], None]] = []
# Run in the transaction while the user's row is locked, so they only query. They may raise DeletionRefused.
locked_deletion_checks: list[Callable[[User], None]] = []
# Return what is kept of a deleted account, in one line; "" for nothing. The text is shown to operators.
kept_descriptions: list[Callable[[User], str]] = []


def collect(user: User) -> dict[str, object]:
    return {name: section(user) for name, section in sections.items()}


def kept_records(user: User) -> list[str]:
    return [text for describe in kept_descriptions if (text := describe(user))]


def shown_deletion_blockers(user: User) -> list[str]:
    """Return why the account cannot be deleted, without open checkouts: deletion_preparations close them."""
    return [reason for check in deletion_checks if (reason := check(user))]


def delete_account(user: User) -> list[str]:
    try:
        for prepare in deletion_preparations:
            prepare(user)
        with transaction.atomic():
            locked = User.objects.select_for_update().get(pk=user.pk)
            if not (reasons := deletion_blockers(locked)):
                locked.delete()
            return reasons
    except DeletionRefused as error:
        return [str(error)]


def deletion_blockers(user: User) -> list[str]:
    try:
        for check in locked_deletion_checks:
            check(user)
    except DeletionRefused as error:
        return [str(error)]
    return shown_deletion_blockers(user)


def _account(user: User) -> object:
    addresses = EmailAddress.objects.filter(user=user)
    changes = AddressChange.objects.filter(user=user)
    return {
        "email": user.email,
        "name": user.name,
        "joined": user.date_joined,
        "last_signed_in": user.last_login,
        "addresses": list(addresses.values("email", "verified", "primary")),
        "changes_of_address": [
            {"from": change.old_email, "to": change.new_email, "at": change.created_at} for change in changes
        ],
    }


def _second_factors(user: User) -> object:
    # Without `data`, which contains the secret.
    factors = Authenticator.objects.filter(user=user)
    return [{"kind": factor.type, "name": str(factor), "added": factor.created_at} for factor in factors]


def _sessions(user: User) -> object:
    sessions = UserSession.objects.filter(user=user)
    return list(sessions.values("ip", since=F("created_at"), browser=F("user_agent")))


def _connected_accounts(user: User) -> object:
    accounts = SocialAccount.objects.filter(user=user)
    return [{"at": row.provider, "id": row.uid, "profile": row.extra_data} for row in accounts]


sections: dict[str, Callable[[User], object]] = {
    "account": _account,
    "second_factors": _second_factors,
    "sessions": _sessions,
    "connected_accounts": _connected_accounts,
}
