"""The first proof that a new account's address is its owner's, and what it removes.

A visitor can sign up with the address of another person. Until the address is proven (a code, a link, a provider, a
reset), what was set on the account may be a stranger's. So each browser's session remembers what was set in this
browser, and the first proof keeps that and removes the rest.
"""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialLogin
from allauth.usersessions.adapter import get_adapter as get_sessions_adapter
from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.contrib.auth import HASH_SESSION_KEY, update_session_auth_hash
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest
from django.utils.translation import gettext as _

from apps.users.address_changes import record
from apps.users.models import User

SESSION_KEY = "credentials_set_here"  # user's id ▶ what was set in this browser before the first proof
MAX_ACCOUNTS = 5  # remembered in one browser


def is_proven(user: User) -> bool:
    return bool(EmailAddress.objects.filter(user=user, email__iexact=user.email, verified=True).exists())


def has_other_proven(address: EmailAddress) -> bool:
    """Whether the account has proven another address before this one."""
    others = EmailAddress.objects.filter(user_id=address.user_id, verified=True)
    return bool(others.exclude(pk=address.pk))


def account_for(email: str) -> User | None:
    """Return the account that a code or a link sent to this address opens.

    An address that an account only wants to change to does not open that account, unless it has proven no other
    address. Otherwise the owner of the address would be signed in to a stranger's account.
    """
    active = User.objects.filter(is_active=True)
    rows = EmailAddress.objects.filter(email=email.lower(), user__is_active=True).select_related("user")
    if row := rows.filter(verified=True).first():
        return row.user  # type: ignore[no-any-return]
    if user := active.filter(email=email.lower()).first():
        return user
    waiting = (row.user for row in rows.order_by("-pk") if not has_other_proven(row))
    return next(waiting, None)


def belongs_to(user: User, email: str) -> bool:
    own = Q(pk=user.pk) & (Q(email__iexact=email) | Q(emailaddress__email__iexact=email))
    return User.objects.filter(own).exists()


def release(email: str) -> None:
    """Delete the waiting changes to this address, so that its owner can sign up with it."""
    if not User.objects.filter(email=email.lower()).exists():
        EmailAddress.objects.filter(email=email.lower(), verified=False).delete()


def prove(request: HttpRequest, user: User) -> None:
    """Mark the account's own address as proven in this browser, by something else than allauth's code or link."""
    address, _created = EmailAddress.objects.get_or_create(user=user, email=user.email)
    address.user = user
    remove_what_others_set(request, user)
    if not address.verified:
        get_adapter().confirm_email(request, address)


def remove_what_others_set(request: HttpRequest, user: User) -> None:
    """Remove what was set before the first proof in another browser than this one. Later proofs remove nothing."""
    if not user.unproven_signup:
        return
    bool(request.user.pk)  # read who is signed in here before the password, and with it the session, changes
    with transaction.atomic():
        row = User.objects.select_for_update().get(pk=user.pk)
        user.password, user.unproven_signup = row.password, False
        if not row.unproven_signup:
            return
        removed = _remove_credentials(user, request.session.get(SESSION_KEY, {}).get(str(user.pk), {}))
        user.save(update_fields=["password", "unproven_signup"])
    _forget(request, user)
    end_other_sessions(request, user)
    if removed:
        _tell(request, user)


def end_other_sessions(request: HttpRequest, user: User) -> None:
    """Sign the account out everywhere else. This browser stays signed in, even if its password is gone."""
    if request.user == user and request.session.get(HASH_SESSION_KEY) != user.get_session_auth_hash():
        update_session_auth_hash(request, user)
        UserSession.objects.create_from_request(request)
    sessions = UserSession.objects.filter(user=user).exclude(session_key=request.session.session_key)
    get_sessions_adapter().end_sessions(sessions)


# --- what allauth's signals tell (connected in apps.py) ------------------------------------------------------


def on_signed_up(
    request: HttpRequest, user: User, sociallogin: SocialLogin | None = None, **signal: Any
) -> None:
    user.unproven_signup = not EmailAddress.objects.filter(user=user, verified=True).exists()
    user.save(update_fields=["unproven_signup"])
    remember_password(request, user)
    if sociallogin:
        _remember(request, user, "social", [sociallogin.account.pk])


def remember_password(request: HttpRequest, user: User, **signal: Any) -> None:
    """Note that the account's password was set in this browser. The hash changes with the password."""
    if user.has_usable_password():
        _remember(request, user, "password", user.get_session_auth_hash())


def on_social_account_added(request: HttpRequest, sociallogin: SocialLogin, **signal: Any) -> None:
    """A provider that vouches for the account's address proves it."""
    user = sociallogin.user
    remember_social(request, user, sociallogin.account)
    if vouches_for(sociallogin, user) and not is_proven(user):
        prove(request, user)


def remember_social(request: HttpRequest, user: User, account: SocialAccount) -> None:
    known = request.session.get(SESSION_KEY, {}).get(str(user.pk), {}).get("social", [])
    _remember(request, user, "social", [*known, account.pk])


def vouches_for(sociallogin: SocialLogin, user: User) -> bool:
    addresses = sociallogin.email_addresses
    return any(address.verified and address.email.lower() == user.email for address in addresses)


def on_password_reset(request: HttpRequest, user: User, **signal: Any) -> None:
    """A reset link was sent to the account's address, so it proves it. The new password is this browser's."""
    remember_password(request, user)
    prove(request, user)
    end_other_sessions(request, user)


def on_authentication_step(
    request: HttpRequest, user: User, method: str, email: str | None = None, **signal: Any
) -> None:
    """Prepare the proof by a code: allauth verifies the address next, if it has a row.

    Accounts that an operator made have none yet.
    """
    if method != "code" or not email or not belongs_to(user, email):
        return
    remove_what_others_set(request, user)
    if email.lower() == user.email:
        EmailAddress.objects.get_or_create(user=user, email=user.email)


def on_email_confirmed(request: HttpRequest, email_address: EmailAddress, **signal: Any) -> None:
    user = email_address.user
    remove_what_others_set(request, user)
    others = EmailAddress.objects.filter(user=user).exclude(pk=email_address.pk)
    old = others.filter(verified=True).first()
    if old and user.email == email_address.email:
        record(user, old.email)
    others.filter(verified=False).delete()


# --- details ---------------------------------------------------------------------------------------------------


def _remove_credentials(user: User, kept: dict[str, Any]) -> bool:
    """Return whether there was anything to remove. A second factor can't be this browser's: it needs a proof first."""
    social, _models = SocialAccount.objects.filter(user=user).exclude(pk__in=kept.get("social", [])).delete()
    factors, _models = Authenticator.objects.filter(user=user).delete()
    had_password = user.has_usable_password() and kept.get("password") != user.get_session_auth_hash()
    if had_password:
        user.set_unusable_password()
    return bool(social or factors or had_password)


def _remember(request: HttpRequest, user: User, what: str, value: object) -> None:
    if not user.unproven_signup:
        return
    accounts = request.session.get(SESSION_KEY, {})
    mine = {**accounts.pop(str(user.pk), {}), what: value}
    request.session[SESSION_KEY] = dict([*accounts.items(), (str(user.pk), mine)][-MAX_ACCOUNTS:])


def _forget(request: HttpRequest, user: User) -> None:
    if accounts := request.session.get(SESSION_KEY, {}):
        request.session[SESSION_KEY] = {pk: mine for pk, mine in accounts.items() if pk != str(user.pk)}


def _tell(request: HttpRequest, user: User) -> None:
    get_adapter().send_notification_mail("account/email/first_proof", user, email=user.email)
    if request.user.is_anonymous or request.user == user:
        words = _(
            "We removed the password that was set in another browser, and signed that browser out. "
            "You can always sign in with a code by mail, or choose a new password."
        )
        messages.warning(request, words)
