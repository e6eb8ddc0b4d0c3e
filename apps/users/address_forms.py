"""allauth's forms that take an address (settings ACCOUNT_FORMS, SOCIALACCOUNT_FORMS)."""

from __future__ import annotations

from allauth.account import forms as account
from allauth.account.models import EmailAddress
from allauth.socialaccount import forms as social
from django.db import transaction
from django.http import HttpRequest

from apps.users import address_proof


class AddEmailForm(account.AddEmailForm):  # type: ignore[misc]
    def save(self, request: HttpRequest) -> EmailAddress:
        """Keep the account's address until the new one is proven. allauth deletes it if it is unproven itself."""
        with transaction.atomic():
            waiting = EmailAddress.objects.filter(user=self.user, verified=False)
            waiting.exclude(email=self.user.email).delete()
            return EmailAddress.objects.add_email(
                request, self.user, self.cleaned_data["email"], confirm=True
            )


class RequestLoginCodeForm(account.RequestLoginCodeForm):  # type: ignore[misc]
    def clean_email(self) -> str:
        email: str = super().clean_email()
        self._user = address_proof.account_for(email)
        return email


class ResetPasswordForm(account.ResetPasswordForm):  # type: ignore[misc]
    def clean_email(self) -> str:
        email: str = super().clean_email()
        user = address_proof.account_for(email)
        self.users = [user] if user else []
        return email


class _FreesAddress:
    def validate_unique_email(self, value: str) -> str:
        address_proof.release(value)
        email: str = super().validate_unique_email(value)  # type: ignore[misc]
        return email


class SignupForm(_FreesAddress, account.SignupForm):  # type: ignore[misc]
    pass


class SocialSignupForm(_FreesAddress, social.SignupForm):  # type: ignore[misc]
    pass
