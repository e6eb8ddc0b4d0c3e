"""What the shop knows about a person, and what stands in the way of forgetting them.

An app that keeps personal data adds functions to these tables when it starts (AppConfig.ready), so
this app never has to know the others:

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

from apps.users.models import AddressChange, User

JSON = str | int | float | bool | None | list["JSON"] | dict[str, "JSON"]

sections: dict[str, Callable[[User], JSON]] = {}
objections: list[Callable[[User], str | None]] = []


class NotReady(Exception):
    """The account can't be deleted just now; the message is for its owner."""


# Called outside a transaction before an account is deleted: may ask other services, and raise NotReady.
preparations: list[Callable[[User], None]] = []
# Called in the transaction that deletes it, with the user's row locked: may only read, and raise NotReady.
last_checks: list[Callable[[User], None]] = []


def collect(user: User) -> dict[str, JSON]:
    """Everything about one person, ready for json.dumps. Times are ISO 8601 in UTC."""
    return {name: section(user) for name, section in sections.items()}


def reasons_to_stay(user: User) -> list[str]:
    """Why this account can't be deleted right now, in words for its owner. Empty when it can."""
    return [reason for objection in objections if (reason := objection(user))]


def delete_account(user: User) -> list[str]:
    """Delete the user and return []. If that is not possible now, delete nothing and return the reasons."""
    try:
        for prepare in preparations:
            prepare(user)
        with transaction.atomic():
            locked = User.objects.select_for_update().get(pk=user.pk)
            for check in last_checks:
                check(locked)
            if reasons := reasons_to_stay(locked):
                return reasons
            locked.delete()
    except NotReady as error:
        return [str(error)]
    return []


def reasons_to_delay(user: User) -> list[str]:
    """Return why an operator must not delete the account right now. Open payment pages count, too."""
    try:
        for check in last_checks:
            check(user)
    except NotReady as error:
        return [str(error)]
    return reasons_to_stay(user)


def _account(user: User) -> JSON:
    return {
        "email": user.email,
        "name": user.name,
        "joined": user.date_joined.isoformat(),
        "last_signed_in": user.last_login.isoformat() if user.last_login else None,
        "addresses": [
            {"email": address.email, "verified": address.verified, "primary": address.primary}
            for address in EmailAddress.objects.filter(user=user)
        ],
        "changes_of_address": [
            {"from": change.old_email, "to": change.new_email, "at": change.created_at.isoformat()}
            for change in AddressChange.objects.filter(user=user)
        ],
    }


def _second_factors(user: User) -> JSON:
    """Without their secrets: a file that lies about must not sign anybody in."""
    return [
        {"kind": factor.type, "name": str(factor), "added": factor.created_at.isoformat()}
        for factor in Authenticator.objects.filter(user=user)
    ]


def _sessions(user: User) -> JSON:
    return [
        {"since": session.created_at.isoformat(), "ip": session.ip, "browser": session.user_agent}
        for session in UserSession.objects.filter(user=user)
    ]


def _connected(user: User) -> JSON:
    return [
        {"at": account.provider, "id": account.uid, "profile": account.extra_data}
        for account in SocialAccount.objects.filter(user=user)
    ]


sections["account"] = _account
sections["second_factors"] = _second_factors
sections["sessions"] = _sessions
sections["connected_accounts"] = _connected
