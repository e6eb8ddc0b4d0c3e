"""allauth's forms that take a browser's answer about a passkey. It trusts the answer's shape; these don't.

Without them an answer that somebody made up ends in a server error instead of "Incorrect code".
"""

from __future__ import annotations

import struct
from typing import Any

from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn import forms as allauth

MISSHAPEN = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, struct.error)


class _Careful:
    def clean_credential(self) -> Authenticator:
        try:
            authenticator: Authenticator = super().clean_credential()  # type: ignore[misc]
        except MISSHAPEN as error:
            raise get_adapter().validation_error("incorrect_code") from error
        return authenticator


class LoginForm(_Careful, allauth.LoginWebAuthnForm):  # type: ignore[misc]
    pass


class AuthenticateForm(_Careful, allauth.AuthenticateWebAuthnForm):  # type: ignore[misc]
    pass


class ReauthenticateForm(_Careful, allauth.ReauthenticateWebAuthnForm):  # type: ignore[misc]
    pass


class AddPasskeyForm(allauth.SignupWebAuthnForm):  # type: ignore[misc]
    """The sign-up form, because it leaves no choice between a passkey and a key for the second step alone."""

    def clean(self) -> dict[str, Any]:
        try:
            cleaned: dict[str, Any] = super().clean()
        except MISSHAPEN as error:
            raise get_adapter().validation_error("incorrect_code") from error
        return cleaned
