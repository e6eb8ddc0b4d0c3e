"""allauth's forms that take a browser's answer about a passkey, with the checks that allauth leaves out.

An answer of the wrong shape is an "Incorrect code", never a server error. Each answer comes from this very host, was
given with a finger, a face or a PIN (the UV flag), and counts up. https://www.w3.org/TR/webauthn-3/#sctn-rp-operations
"""

from __future__ import annotations

import logging
import struct
from typing import Any
from urllib.parse import urlsplit

from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn import forms as allauth
from cryptography.exceptions import UnsupportedAlgorithm
from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction
from fido2.cose import UnsupportedKey
from fido2.utils import websafe_encode
from fido2.webauthn import (
    AuthenticationResponse,
    AuthenticatorData,
    CollectedClientData,
    RegistrationResponse,
)

logger = logging.getLogger(__name__)

MISSHAPEN = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    Authenticator.DoesNotExist,
    LookupError,
    RuntimeError,  # nested too deep, or of a kind that the library does not know
    TypeError,
    UnsupportedAlgorithm,
    ValueError,
    struct.error,
)


class CredentialField(forms.JSONField):
    """The answer as JSON. Nested too deep or with endless numbers it is invalid, too."""

    widget = forms.HiddenInput

    def to_python(self, value: Any) -> Any:
        try:
            return super().to_python(value)
        except (RecursionError, ValueError) as error:
            raise _refused() from error


class _Careful:
    def clean_credential(self) -> Authenticator:
        answer = self.cleaned_data["credential"]  # type: ignore[attr-defined]
        try:
            authenticator: Authenticator = super().clean_credential()  # type: ignore[misc]
            response = AuthenticationResponse.from_dict(answer).response
            _check(response.client_data, response.authenticator_data)
            _count_up(authenticator, response.authenticator_data.counter)
        except MISSHAPEN as error:
            raise _refused() from error
        return authenticator


class LoginForm(_Careful, allauth.LoginWebAuthnForm):  # type: ignore[misc]
    credential = CredentialField()


class AuthenticateForm(_Careful, allauth.AuthenticateWebAuthnForm):  # type: ignore[misc]
    credential = CredentialField()


class ReauthenticateForm(_Careful, allauth.ReauthenticateWebAuthnForm):  # type: ignore[misc]
    credential = CredentialField()


class AddPasskeyForm(allauth.SignupWebAuthnForm):  # type: ignore[misc]
    """The sign-up form, because it leaves no choice between a passkey and a key for the second step alone."""

    credential = CredentialField()

    def clean(self) -> dict[str, Any]:
        try:
            cleaned: dict[str, Any] = super().clean()
            if "credential" in cleaned:
                cleaned["credential"] = _checked_registration(cleaned["credential"])
        except MISSHAPEN as error:
            raise _refused() from error
        return cleaned


def _checked_registration(answer: dict[str, Any]) -> dict[str, Any]:
    """Return what is stored of a new passkey: the known fields, and nothing else that a browser may have sent."""
    registration = RegistrationResponse.from_dict(answer)
    data = registration.response.attestation_object.auth_data
    _check(registration.response.client_data, data)
    assert data.credential_data is not None
    if isinstance(data.credential_data.public_key, UnsupportedKey):
        raise _refused()  # its algorithm is not supported
    return {
        "id": websafe_encode(registration.raw_id),
        "rawId": websafe_encode(registration.raw_id),
        "type": "public-key",
        "response": {
            "clientDataJSON": websafe_encode(registration.response.client_data),
            "attestationObject": websafe_encode(registration.response.attestation_object),
        },
        "clientExtensionResults": {},
    }


def _check(client: CollectedClientData, data: AuthenticatorData) -> None:
    """Raise unless the answer was given at this host (a subdomain is another) and with user verification."""
    here = get_adapter().get_public_key_credential_rp_entity()["id"]
    if urlsplit(client.origin).hostname != here.lower() or not data.is_user_verified():
        raise _refused()


def _count_up(passkey: Authenticator, count: int) -> None:
    """Raise if the passkey's counter did not go up, as with a copied key. Synced passkeys always send 0."""
    with transaction.atomic():
        row = Authenticator.objects.select_for_update().get(pk=passkey.pk)
        last = row.data.get("sign_count", row.wrap().authenticator_data.counter)
        if (count or last) and count <= last:
            logger.warning("Passkey %s of user %s counted %s after %s", row.pk, row.user_id, count, last)
            raise _refused()
        row.data["sign_count"] = count
        row.save(update_fields=["data"])
    passkey.data = row.data


def _refused() -> ValidationError:
    error: ValidationError = get_adapter().validation_error("incorrect_code")
    return error
