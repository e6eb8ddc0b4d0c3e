"""Signing in with Google or GitHub, for shops that have set their variables (settings: SOCIAL_SIGN_IN)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp, SocialLogin
from allauth.socialaccount.providers.base import AuthProcess
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest
from django.shortcuts import resolve_url
from django.urls import URLPattern, URLResolver, include, path
from django.utils.translation import gettext as _

from apps.users import address_proof
from apps.users.models import User, UserManager

# Of a profile, to show which account is connected. The rest is none of our business.
KEPT = ("email", "login", "name")


class SocialAccountAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    def list_apps(
        self, request: HttpRequest, provider: str | None = None, client_id: str | None = None
    ) -> list[SocialApp]:
        """From the settings alone: the database is asked for nothing, and holds no secret."""
        providers: Mapping[str, Any] = settings.SOCIALACCOUNT_PROVIDERS
        return [
            SocialApp(provider=name, name=name, **app)
            for name, about in providers.items()
            for app in about.get("APPS", [])
            if provider in (None, name) and client_id in (None, app["client_id"])
        ]

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Whose address has an account already, but not for certain theirs, signs in to it first."""
        _keep_little(sociallogin)
        if sociallogin.state.get("process") == AuthProcess.CONNECT:
            return  # proven by the signal, once it is connected
        if sociallogin.is_existing:
            _prove(request, sociallogin)
            return
        if address_proof.vouches_for(sociallogin, sociallogin.user):
            address_proof.release(sociallogin.user.email)
        if request.user.is_authenticated:
            return
        if User.objects.filter(email=sociallogin.user.email).exists():
            words = _(
                "You have an account here already. Sign in to it, then connect %(name)s under Security."
            )
            messages.info(request, words % {"name": sociallogin.provider.name})
            wanted = sociallogin.get_redirect_url(request) or settings.LOGIN_REDIRECT_URL
            raise ImmediateHttpResponse(redirect_to_login(resolve_url(wanted)))

    def authenticate_by_email(self, sociallogin: SocialLogin) -> tuple[User, str] | None:
        """The account whose own address the provider vouches for, not one that only wants to change to it."""
        found: tuple[User, str] | None = super().authenticate_by_email(sociallogin)
        if found is None:
            return None
        user = address_proof.account_for(found[1])
        return (user, found[1]) if user and user.email == found[1].lower() else None

    def populate_user(self, request: HttpRequest, sociallogin: SocialLogin, data: dict[str, Any]) -> User:
        user: User = super().populate_user(request, sociallogin, data)
        parts = (data.get("first_name"), data.get("last_name"))
        user.name = (data.get("name") or " ".join(filter(None, parts)))[:150]
        return user


def _prove(request: HttpRequest, sociallogin: SocialLogin) -> None:
    """Prove the account's address if the provider has verified it."""
    user = sociallogin.user
    if not user.is_active or not address_proof.vouches_for(sociallogin, user):
        return
    if sociallogin.account.pk:
        address_proof.remember_social(request, user, sociallogin.account)
    if user.unproven_signup or not address_proof.is_proven(user):
        address_proof.prove(request, user)


def _keep_little(sociallogin: SocialLogin) -> None:
    """A few words of the profile, and of all addresses (GitHub tells many) the main one."""
    account = sociallogin.account
    account.extra_data = {key: account.extra_data[key] for key in KEPT if key in account.extra_data}
    if account.pk:
        account.save(update_fields=["extra_data"])
    sociallogin.email_addresses = sorted(sociallogin.email_addresses, key=lambda a: not a.primary)[:1]
    if sociallogin.email_addresses and not sociallogin.is_existing:
        sociallogin.user.email = UserManager.normalize_email(sociallogin.email_addresses[0].email)


def routes() -> list[URLPattern | URLResolver]:
    """The addresses below /accounts/. None without a provider."""
    if not settings.SOCIAL_SIGN_IN:
        return []
    from allauth.urls import build_provider_urlpatterns

    return [
        path("3rdparty/", include("allauth.socialaccount.urls")),
        *build_provider_urlpatterns(),
    ]
