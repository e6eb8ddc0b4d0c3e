"""Verify the e-mail address of a new account: by a code, a link, a provider or a password reset.

A visitor can sign up with the address of another person. The first verification therefore removes all credentials
that were set in other browsers. Each session stores which credentials were set in it.
"""

from typing import Any

from allauth.account import signals
from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialLogin
from allauth.socialaccount.signals import social_account_added
from allauth.usersessions.adapter import get_adapter as get_sessions_adapter
from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.contrib.auth import HASH_SESSION_KEY, update_session_auth_hash
from django.db import transaction
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils.translation import gettext as _

from apps.users.email_changes import record_change
from apps.users.models import User

SESSION_KEY = "credentials_set_here"  # password hashes and ids of social accounts
MAX_REMEMBERED_CREDENTIALS = 20


def is_email_verified(user: User) -> bool:
    return bool(EmailAddress.objects.filter(user=user, email__iexact=user.email, verified=True).exists())


def has_other_verified_email(address: EmailAddress) -> bool:
    others = EmailAddress.objects.filter(user_id=address.user_id, verified=True).exclude(pk=address.pk)
    return bool(others.exists())


def has_email(user: User, email: str) -> bool:
    email = email.lower()
    return email == user.email.lower() or EmailAddress.objects.filter(user=user, email=email).exists()


def find_account(email: str) -> User | None:
    """Return the account that a code or link to this address signs in to.

    An unverified new address counts only if its account has no verified address.
    """
    rows = EmailAddress.objects.filter(email=email.lower(), user__is_active=True).select_related("user")
    if row := rows.filter(verified=True).first():
        return row.user  # type: ignore[no-any-return]
    if user := User.objects.filter(is_active=True, email=email.lower()).first():
        return user
    return next((row.user for row in rows.order_by("-pk") if not has_other_verified_email(row)), None)


def release_email(email: str) -> None:
    """Delete unverified changes to this address, so that its owner can sign up with it."""
    if not User.objects.filter(email=email.lower()).exists():
        EmailAddress.objects.filter(email=email.lower(), verified=False).delete()


def is_verified_by_provider(sociallogin: SocialLogin) -> bool:
    email = sociallogin.user.email
    return any(row.verified and row.email.lower() == email for row in sociallogin.email_addresses)


def verify_by_provider(request: HttpRequest, sociallogin: SocialLogin) -> None:
    user = sociallogin.user
    if not user.is_active or not is_verified_by_provider(sociallogin):
        return
    if sociallogin.account.pk:
        _remember(request, user, "social_accounts", sociallogin.account.pk)
    if user.unproven_signup or not is_email_verified(user):
        verify_email(request, user)


def verify_email(request: HttpRequest, user: User) -> None:
    address, _created = EmailAddress.objects.get_or_create(user=user, email=user.email)
    address.user = user
    remove_unverified_credentials(request, user)
    if not address.verified:
        get_adapter().confirm_email(request, address)


def remove_unverified_credentials(request: HttpRequest, user: User) -> None:
    """At the first verification, remove the credentials that were set in other browsers."""
    if not user.unproven_signup:
        return
    bool(request.user.pk)  # load the lazy user before the new password ends the session
    with transaction.atomic():
        row = User.objects.select_for_update().get(pk=user.pk)
        user.password, user.unproven_signup = row.password, False
        if not row.unproven_signup:
            return
        is_removed = _remove_credentials(user, request.session.get(SESSION_KEY, {}))
        user.save(update_fields=["password", "unproven_signup"])
    end_other_sessions(request, user)
    if is_removed:
        _notify(request, user)


def end_other_sessions(request: HttpRequest, user: User) -> None:
    if request.user == user and request.session.get(HASH_SESSION_KEY) != user.get_session_auth_hash():
        update_session_auth_hash(request, user)
        UserSession.objects.create_from_request(request)
    sessions = UserSession.objects.filter(user=user).exclude(session_key=request.session.session_key)
    get_sessions_adapter().end_sessions(sessions)


@receiver(signals.user_signed_up)
def on_signed_up(
    request: HttpRequest, user: User, sociallogin: SocialLogin | None = None, **signal: Any
) -> None:
    user.unproven_signup = not EmailAddress.objects.filter(user=user, verified=True).exists()
    user.save(update_fields=["unproven_signup"])
    remember_password(request, user)
    if sociallogin:
        _remember(request, user, "social_accounts", sociallogin.account.pk)


@receiver([signals.password_set, signals.password_changed])
def remember_password(request: HttpRequest, user: User, **signal: Any) -> None:
    if user.has_usable_password():
        _remember(request, user, "passwords", user.get_session_auth_hash())


@receiver(social_account_added)
def on_social_account_added(request: HttpRequest, sociallogin: SocialLogin, **signal: Any) -> None:
    _remember(request, sociallogin.user, "social_accounts", sociallogin.account.pk)
    verify_by_provider(request, sociallogin)


@receiver(signals.password_reset)
def on_password_reset(request: HttpRequest, user: User, **signal: Any) -> None:
    remember_password(request, user)
    verify_email(request, user)
    end_other_sessions(request, user)


@receiver(signals.authentication_step_completed)
def on_authentication_step(
    request: HttpRequest, user: User, method: str, email: str | None = None, **signal: Any
) -> None:
    """Remove credentials before allauth verifies the address. Accounts from the admin have no EmailAddress yet."""
    if method != "code" or not email or not has_email(user, email):
        return
    remove_unverified_credentials(request, user)
    if email.lower() == user.email:
        EmailAddress.objects.get_or_create(user=user, email=user.email)


@receiver(signals.email_confirmed)
def on_email_confirmed(request: HttpRequest, email_address: EmailAddress, **signal: Any) -> None:
    user = email_address.user
    remove_unverified_credentials(request, user)
    others = EmailAddress.objects.filter(user=user).exclude(pk=email_address.pk)
    old = others.filter(verified=True).first()
    if old and user.email == email_address.email:
        record_change(user, old.email)
    others.filter(verified=False).delete()


def _remember(request: HttpRequest, user: User, kind: str, value: str | int) -> None:
    if user.unproven_signup:
        credentials = request.session.get(SESSION_KEY, {})
        values = [*credentials.get(kind, []), value][-MAX_REMEMBERED_CREDENTIALS:]
        request.session[SESSION_KEY] = {**credentials, kind: values}


def _remove_credentials(user: User, keep: dict[str, Any]) -> bool:
    """Remove all second factors, and what is not in `keep`. Return whether anything was removed."""
    social_accounts = SocialAccount.objects.filter(user=user).exclude(pk__in=keep.get("social_accounts", []))
    removed: int = social_accounts.delete()[0] + Authenticator.objects.filter(user=user).delete()[0]
    if user.has_usable_password() and user.get_session_auth_hash() not in keep.get("passwords", []):
        user.set_unusable_password()
        return True
    return removed > 0


def _notify(request: HttpRequest, user: User) -> None:
    get_adapter().send_notification_mail("account/email/first_proof", user, email=user.email)
    if request.user.is_anonymous or request.user == user:
        text = _(
            "For your security, we signed out all other browsers and removed the sign-in methods that were set up "
            "in them. You can sign in with an emailed code, or set a new password."
        )
        messages.warning(request, text)
