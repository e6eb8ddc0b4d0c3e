"""Passkeys: adding one to an account, and signing up with nothing else.

allauth's own sign-up by passkey wants every shopper to verify their address before the first sign-in. Here only
those do who sign up this way: a code by mail comes first, so nobody locks a stranger's address with a key of theirs.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from allauth.account.adapter import get_adapter
from allauth.account.forms import RequestLoginCodeForm
from allauth.account.internal.flows.login_by_code import LoginCodeVerificationProcess
from allauth.account.signals import user_signed_up
from allauth.account.utils import get_next_redirect_url, setup_user_email
from allauth.decorators import rate_limit
from allauth.mfa.webauthn.internal import auth
from allauth.mfa.webauthn.views import AddWebAuthnView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from . import passkey_forms as forms
from .models import User, UserManager


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@rate_limit(action="signup")  # type: ignore[untyped-decorator]
def sign_up(request: HttpRequest) -> HttpResponse:
    """An address gets a code, whether it has an account or not: from outside the two look the same."""
    if request.user.is_authenticated:
        return redirect(_add_url(request))
    if not get_adapter().is_open_for_signup(request):
        return render(request, "account/signup_closed.html")
    form = RequestLoginCodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        email = UserManager.normalize_email(form.cleaned_data["email"])
        user = form._user or _new_account(request, email)
        LoginCodeVerificationProcess.initiate(request=request, user=user, email=email)
        return redirect(f"{reverse('account_confirm_login_code')}?{urlencode({'next': _add_url(request)})}")
    return render(request, "account/signup_by_passkey.html", {"form": form})


def _new_account(request: HttpRequest, email: str) -> User | None:
    """One without a password. None for an address whose account was closed: it gets a mail, and no code."""
    user, created = User.objects.get_or_create(email=email)
    if not created:
        return None
    user.set_unusable_password()
    user.save(update_fields=["password"])
    setup_user_email(request, user, [])
    user_signed_up.send(sender=User, request=request, user=user)
    return user


class AddPasskey(AddWebAuthnView):  # type: ignore[misc]
    """allauth's page, for passkeys alone: found by the device itself, opened with a finger, a face or a PIN."""

    form_class = forms.AddPasskeyForm

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        context["js_data"] = {
            "creation_options": auth.begin_registration(self.request.user, passwordless=True)
        }
        return context

    def get_success_url(self) -> str:
        """The first one comes with recovery codes, and those have a button that leads on."""
        wanted = _wanted(self.request)
        if not self.did_generate_recovery_codes:
            return wanted or reverse("mfa_list_webauthn")
        return reverse("mfa_view_recovery_codes") + (f"?{urlencode({'next': wanted})}" if wanted else "")


add = AddPasskey.as_view()


def _add_url(request: HttpRequest) -> str:
    wanted = _wanted(request)
    return reverse("mfa_add_webauthn") + (f"?{urlencode({'next': wanted})}" if wanted else "")


def _wanted(request: HttpRequest) -> str:
    """`next`, if it stays on this site."""
    return get_next_redirect_url(request) or ""
