"""Sign in by a link in an e-mail, which verifies its address. An account is created if the address has none."""

from allauth.account import signals
from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.login import record_authentication
from allauth.account.models import EmailAddress
from allauth.account.utils import perform_login
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse

from apps.users.email_changes import is_reserved
from apps.users.email_verification import find_account, is_email_verified, release_email, verify_email
from apps.users.models import User


def get_or_create_account(request: HttpRequest, email: str) -> User | None:
    """Return the account of an address that its owner has just verified.

    None if there can be no account: it is blocked, the address is reserved for an undo, or sign-up is closed.
    What others have set up at an account with this address, before it was verified, is removed.
    """
    # Otherwise find_account could return an account that has another address and only waits for this one.
    release_email(email)
    user = find_account(email) or _create_account(request, email)
    if user and user.email == email and (user.unproven_signup or not is_email_verified(user)):
        verify_email(request, user)
    return user


def sign_in(request: HttpRequest, user: User, email: str, redirect_url: str) -> HttpResponse:
    """Sign in as by an emailed code: a second factor is still asked for."""
    record_authentication(request, user, method="code", email=email)
    response: HttpResponse = perform_login(
        request, user, email_verification="none", redirect_url=redirect_url, email=email
    )
    return response


def _create_account(request: HttpRequest, email: str) -> User | None:
    if is_reserved(email) or not get_adapter(request).is_open_for_signup(request):
        return None
    try:
        with transaction.atomic():
            user = User.objects.create_user(email)
            EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    except IntegrityError:  # another request has created it, or it is blocked
        return find_account(email)
    signals.user_signed_up.send(sender=User, request=request, user=user)
    return user
