"""allauth's forms for passkeys (setting MFA_FORMS), with additional checks of host, user verification and counter.

A malformed response is a form error, not a server error. https://www.w3.org/TR/webauthn-3/#sctn-rp-operations
"""

import logging
import struct
from typing import Any
from urllib.parse import urlencode, urlsplit

from allauth.account.utils import get_next_redirect_url
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn import forms as allauth
from allauth.mfa.webauthn.views import AddWebAuthnView
from cryptography.exceptions import UnsupportedAlgorithm
from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _
from fido2.cose import UnsupportedKey
from fido2.utils import websafe_encode
from fido2.webauthn import (
    AuthenticationResponse,
    AuthenticatorData,
    CollectedClientData,
    RegistrationResponse,
)

logger = logging.getLogger(__name__)

MALFORMED = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    Authenticator.DoesNotExist,
    LookupError,
    RuntimeError,  # too many nested values, or an unknown key type
    TypeError,
    UnsupportedAlgorithm,
    ValueError,
    struct.error,
)


class AddPasskeyView(AddWebAuthnView):  # type: ignore[misc]
    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        # Discoverable passkeys sign in without an e-mail address.
        options = context["js_data"]["creation_options"]["publicKey"]
        options["authenticatorSelection"].update(residentKey="required", requireResidentKey=True)
        return context

    def get_success_url(self) -> str:
        """After the first passkey return the page with the recovery codes, which links to `next`."""
        next_url = get_next_redirect_url(self.request)
        if not self.did_generate_recovery_codes:
            return next_url or reverse("mfa_list_webauthn")
        return reverse("mfa_view_recovery_codes") + (f"?{urlencode({'next': next_url})}" if next_url else "")


class CredentialField(forms.JSONField):
    widget = forms.HiddenInput

    def to_python(self, value: Any) -> Any:
        try:
            return super().to_python(value)
        except (RecursionError, ValueError) as error:  # too many nested values, or too many digits
            raise _incorrect_code() from error


# allauth's sign-up form creates passkeys; its other form creates keys for the second step only.
class AddPasskeyForm(allauth.SignupWebAuthnForm):  # type: ignore[misc]
    credential = CredentialField()

    def clean(self) -> dict[str, Any]:
        try:
            cleaned: dict[str, Any] = super().clean()
            if "credential" in cleaned:
                cleaned["credential"] = _clean_registration(cleaned["credential"])
        except MALFORMED as error:
            raise _incorrect_code() from error
        return cleaned


class _AuthenticationForm(forms.Form):
    credential = CredentialField()

    def clean_credential(self) -> Authenticator:
        answer = self.cleaned_data["credential"]
        try:
            authenticator: Authenticator = super().clean_credential()  # type: ignore[misc]
            response = AuthenticationResponse.from_dict(answer).response
            _check_host_and_user(response.client_data, response.authenticator_data)
            _update_counter(authenticator, response.authenticator_data.counter)
        except MALFORMED as error:
            raise _incorrect_code() from error
        return authenticator


class LoginForm(_AuthenticationForm, allauth.LoginWebAuthnForm):  # type: ignore[misc]
    pass


class AuthenticateForm(_AuthenticationForm, allauth.AuthenticateWebAuthnForm):  # type: ignore[misc]
    pass


class ReauthenticateForm(_AuthenticationForm, allauth.ReauthenticateWebAuthnForm):  # type: ignore[misc]
    pass


def _clean_registration(answer: dict[str, Any]) -> dict[str, Any]:
    registration = RegistrationResponse.from_dict(answer)
    data = registration.response.attestation_object.auth_data
    _check_host_and_user(registration.response.client_data, data)
    assert data.credential_data is not None
    if isinstance(data.credential_data.public_key, UnsupportedKey):
        raise _incorrect_code()
    # Unknown fields are not stored.
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


def _check_host_and_user(client: CollectedClientData, data: AuthenticatorData) -> None:
    """Raise ValidationError for another host or a subdomain, or if the user was not verified."""
    host = get_adapter().get_public_key_credential_rp_entity()["id"]
    if urlsplit(client.origin).hostname != host.lower() or not data.is_user_verified():
        raise _incorrect_code()


def _update_counter(passkey: Authenticator, count: int) -> None:
    """Raise ValidationError if the counter did not increase: the key was copied. Synced passkeys always send 0."""
    with transaction.atomic():
        row = Authenticator.objects.select_for_update().get(pk=passkey.pk)
        last = row.data.get("sign_count", row.wrap().authenticator_data.counter)
        if (count or last) and count <= last:
            message = "Passkey %s of user %s may be a copy, it was refused: its counter is %s, not above %s."
            logger.warning(message, row.pk, row.user_id, count, last)
            raise _incorrect_code()
        row.data["sign_count"] = count
        row.save(update_fields=["data"])
    passkey.data = row.data


def _incorrect_code() -> ValidationError:
    return ValidationError(_("This passkey can't be verified. Please try again."), code="incorrect_code")
