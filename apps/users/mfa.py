import time
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY, get_authentication_records
from allauth.core import context as current
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added
from django.conf import settings
from django.dispatch import receiver
from django.http import HttpRequest

from apps.users.models import User
from apps.users.templatetags.accounts import browser_name


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    def generate_authenticator_name(self, user: object, type: object) -> str:
        return browser_name(current.request.META.get("HTTP_USER_AGENT", ""))

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        return {**super().get_public_key_credential_rp_entity(), "name": settings.SITE_NAME}


def has_used_second_factor(request: HttpRequest) -> bool:
    records = get_authentication_records(request, request.user)
    return any(record.get("method") == "mfa" for record in records)


def second_factor_url(user: User) -> str:
    methods = get_adapter().get_reauthentication_methods(user)
    return next((method["url"] for method in methods if method["id"].startswith("mfa_")), "")


@receiver(authenticator_added)
def count_as_used(request: HttpRequest, user: User, authenticator: Authenticator, **signal: Any) -> None:
    """Count a new factor as used: the next page, with the recovery codes, requires a used factor."""
    records = get_authentication_records(request, user)
    if records and authenticator.type in (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN):
        authenticator.record_usage()
        record = {"method": "mfa", "at": time.time(), "id": authenticator.pk, "type": authenticator.type}
        request.session[AUTHENTICATION_METHODS_SESSION_KEY] = [*records, record]
