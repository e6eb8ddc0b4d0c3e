import re
from typing import Any

from allauth.account import forms as account
from allauth.account.models import EmailAddress
from allauth.core import context as current
from allauth.socialaccount import forms as social
from django import forms
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from apps.users import email_verification
from apps.users.models import User
from apps.users.sign_in import TYPED_EMAIL

# No quoted names, accents and IP addresses. https://docs.stripe.com/error-codes#email-invalid
STRIPE_EMAIL = re.compile(r"[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@([a-zA-Z0-9-]+\.)+[a-zA-Z][a-zA-Z0-9-]+")


class NameForm(forms.ModelForm):
    class Meta:
        model = User
        fields = ("name",)
        widgets = {"name": forms.TextInput(attrs={"autocomplete": "name"})}


class DeleteAccountForm(forms.Form):
    password = forms.CharField(
        label=_("Password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    email = forms.CharField(
        label=_("Enter your e-mail address to confirm"),
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, user: User, data: object = None) -> None:
        super().__init__(data)  # type: ignore[arg-type]
        self.user = user
        del self.fields["email" if user.has_usable_password() else "password"]

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if not self.user.check_password(password):
            raise forms.ValidationError(_("The password is incorrect. Your account has not been deleted."))
        return password

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        if email.strip().lower() != self.user.email:
            text = _("This isn't the e-mail address of your account. Your account has not been deleted.")
            raise forms.ValidationError(text)
        return email


def refuse_unpayable(email: str) -> str:
    """Raise ValidationError for an address that Django accepts and Stripe refuses: its owner could not buy anything."""
    if not STRIPE_EMAIL.fullmatch(email):
        text = _(
            "We can't take payments from this e-mail address. Please use one with plain letters and digits."
        )
        raise forms.ValidationError(text)
    return email


class AddEmailForm(account.AddEmailForm):  # type: ignore[misc]
    def clean_email(self) -> str:
        return refuse_unpayable(str(super().clean_email()))

    @transaction.atomic
    def save(self, request: HttpRequest) -> EmailAddress:
        """Keep the account's current address until the new one is verified, even if it is not verified itself."""
        unverified = EmailAddress.objects.filter(user=self.user, verified=False)
        unverified.exclude(email=self.user.email).delete()
        return EmailAddress.objects.add_email(request, self.user, self.cleaned_data["email"], confirm=True)


class LoginForm(account.LoginForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.setdefault("login", self.request.session.get(TYPED_EMAIL))


class RequestLoginCodeForm(account.RequestLoginCodeForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.setdefault("email", current.request.session.get(TYPED_EMAIL))

    def clean_email(self) -> str:
        email: str = super().clean_email()
        self._user = email_verification.find_account(email)
        return email


class ResetPasswordForm(account.ResetPasswordForm):  # type: ignore[misc]
    def clean_email(self) -> str:
        email: str = super().clean_email()
        user = email_verification.find_account(email)
        # A reset verifies the account's current address, so don't send it to a new address that is not verified yet.
        self.users = [user] if user and user.email == email.lower() else []
        return email


class SignupForm(account.SignupForm):  # type: ignore[misc]
    def clean_email(self) -> str:
        email_verification.release_email(refuse_unpayable(self.cleaned_data["email"]))
        return str(super().clean_email())


class SocialSignupForm(social.SignupForm):  # type: ignore[misc]
    def clean_email(self) -> str:
        email_verification.release_email(refuse_unpayable(self.cleaned_data["email"]))
        return str(super().clean_email())
