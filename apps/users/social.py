from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from allauth.socialaccount.providers.base import AuthProcess
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest
from django.shortcuts import resolve_url
from django.urls import URLPattern, URLResolver, include, path
from django.utils.translation import gettext as _

from apps.users import email_verification
from apps.users.models import User, UserManager

STORED_FIELDS = ("email", "login", "name")


class SocialAccountAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Ask for a sign-in if the address has an account and the provider has not verified the address."""
        _minimize_profile(sociallogin)
        if sociallogin.state.get("process") == AuthProcess.CONNECT:
            return  # email_verification.on_social_account_added verifies the address
        if sociallogin.is_existing:
            email_verification.verify_by_provider(request, sociallogin)
            return
        if email_verification.is_verified_by_provider(sociallogin):
            email_verification.release_email(sociallogin.user.email)
        if request.user.is_anonymous and User.objects.filter(email=sociallogin.user.email).exists():
            text = _(
                "You already have an account with this e-mail address. "
                "Sign in to it, then connect %(name)s on your account page."
            )
            messages.info(request, text % {"name": sociallogin.provider.name})
            next_url = sociallogin.get_redirect_url(request) or settings.LOGIN_REDIRECT_URL
            raise ImmediateHttpResponse(redirect_to_login(resolve_url(next_url)))

    def authenticate_by_email(self, sociallogin: SocialLogin) -> tuple[User, str] | None:
        """Return the account with this address. A pending change to the address does not count."""
        match: tuple[User, str] | None = super().authenticate_by_email(sociallogin)
        if match is None:
            return None
        user = email_verification.find_account(match[1])
        return (user, match[1]) if user and user.email == match[1].lower() else None

    def populate_user(self, request: HttpRequest, sociallogin: SocialLogin, data: dict[str, Any]) -> User:
        user: User = super().populate_user(request, sociallogin, data)
        names = (data.get("first_name"), data.get("last_name"))
        user.name = (data.get("name") or " ".join(filter(None, names)))[:150]
        return user


def _minimize_profile(sociallogin: SocialLogin) -> None:
    """Keep only STORED_FIELDS of the profile, and the primary e-mail address: GitHub sends all addresses."""
    account = sociallogin.account
    account.extra_data = {key: value for key, value in account.extra_data.items() if key in STORED_FIELDS}
    if account.pk:
        account.save(update_fields=["extra_data"])
    sociallogin.email_addresses = sorted(sociallogin.email_addresses, key=lambda row: not row.primary)[:1]
    if sociallogin.email_addresses and not sociallogin.is_existing:
        sociallogin.user.email = UserManager.normalize_email(sociallogin.email_addresses[0].email)


def get_urlpatterns() -> list[URLPattern | URLResolver]:
    if not settings.SOCIAL_SIGN_IN:
        return []
    from allauth.urls import build_provider_urlpatterns

    return [path("3rdparty/", include("allauth.socialaccount.urls")), *build_provider_urlpatterns()]
