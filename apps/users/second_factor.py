"""Has this person proved, in this session, more than a password or a mailbox?

A passkey, a code of an authenticator app or a recovery code is proof; so is setting up one of the first two.
"""

from __future__ import annotations

import time
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY, get_authentication_records
from allauth.mfa.models import Authenticator
from django.http import HttpRequest

from apps.users.models import User

FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


def used(request: HttpRequest) -> bool:
    """A session from before the factor was set up, maybe a thief's, doesn't count: it has shown nothing."""
    assert isinstance(request.user, User)
    return any(record.get("method") == "mfa" for record in get_authentication_records(request, request.user))


def proof_url(user: User) -> str:
    """The page that asks for it. "" for somebody who has none yet."""
    ways = get_adapter().get_reauthentication_methods(user)
    return next((way["url"] for way in ways if way["id"].startswith("mfa_")), "")


def count_as_used(request: HttpRequest, user: User, authenticator: Authenticator, **signal: Any) -> None:
    """Receive authenticator_added: nobody is asked for it again a moment later, to see recovery codes."""
    records = get_authentication_records(request, user)
    if records and authenticator.type in FACTORS:
        authenticator.record_usage()
        record = {"method": "mfa", "at": time.time(), "id": authenticator.pk, "type": authenticator.type}
        request.session[AUTHENTICATION_METHODS_SESSION_KEY] = [*records, record]
