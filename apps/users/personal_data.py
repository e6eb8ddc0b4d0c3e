"""Export and deletion of what the shop knows about a user. Other apps add their parts in AppConfig.ready:

personal_data.sections["purchases"] = lambda user: [...]
personal_data.objections.append(lambda user: "You have a running subscription." or None)
personal_data.preparations.append(close_open_checkouts)
"""

from collections.abc import Callable

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.db import transaction
from django.db.models import F

from apps.users.models import AddressChange, User

JSON = str | int | float | bool | None | list["JSON"] | dict[str, "JSON"]


class NotReady(Exception):
    """The account can't be deleted just now; the message is for its owner."""


# Return the reason why the account can't be deleted, for its owner, or None.
objections: list[Callable[[User], str | None]] = []
# Called outside a transaction before an account is deleted: may ask other services, and raise NotReady.
preparations: list[Callable[[User], None]] = []
# Called in the transaction that deletes it, with the user's row locked: may only read, and raise NotReady.
last_checks: list[Callable[[User], None]] = []


def collect(user: User) -> dict[str, object]:
    """Return everything about one user, for JsonResponse."""
    return {name: section(user) for name, section in sections.items()}


def reasons_to_stay(user: User) -> list[str]:
    """Return why the account can't be deleted right now. Empty if it can."""
    return [reason for objection in objections if (reason := objection(user))]


def delete_account(user: User) -> list[str]:
    """Delete the user and return []. If that is not possible now, delete nothing and return the reasons."""
    try:
        for prepare in preparations:
            prepare(user)
        with transaction.atomic():
            locked = User.objects.select_for_update().get(pk=user.pk)
            if not (reasons := reasons_to_delay(locked)):
                locked.delete()
            return reasons
    except NotReady as error:
        return [str(error)]


def reasons_to_delay(user: User) -> list[str]:
    """Return why an operator must not delete the account right now. Open payment pages count, too."""
    try:
        for check in last_checks:
            check(user)
    except NotReady as error:
        return [str(error)]
    return reasons_to_stay(user)


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
    """Leave the secrets out: nobody must sign in with this file."""
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
