"""What the shop knows about a person, and what stands in the way of forgetting them.

An app that keeps personal data adds a function to these two tables when it starts (AppConfig.ready), so
this app never has to know the others:

    personal_data.sections["purchases"] = lambda user: [...]
    personal_data.objections.append(lambda user: "You have a running subscription." or None)
"""

from collections.abc import Callable

from allauth.account.models import EmailAddress

from apps.users.models import User

JSON = str | int | float | bool | None | list["JSON"] | dict[str, "JSON"]

sections: dict[str, Callable[[User], JSON]] = {}
objections: list[Callable[[User], str | None]] = []


def collect(user: User) -> dict[str, JSON]:
    """Everything about one person, ready for json.dumps. Times are ISO 8601 in UTC."""
    return {name: section(user) for name, section in sections.items()}


def reasons_to_stay(user: User) -> list[str]:
    """Why this account can't be deleted right now, in words for its owner. Empty when it can."""
    return [reason for objection in objections if (reason := objection(user))]


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
    }


sections["account"] = _account
