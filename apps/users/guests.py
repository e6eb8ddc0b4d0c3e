"""Visitors who buy without an account. A random token in the session leads to their purchases."""

import secrets
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeAlias

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.signals import user_logged_out
from django.dispatch import receiver
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.functional import SimpleLazyObject

from apps.users.models import User
from apps.users.sign_in import redirect_to_sign_in

SESSION_KEY = "guest_token"
CHECKOUT_SECONDS = 24 * 3600  # Stripe closes a payment page after that time


class Guest(AnonymousUser):
    """The `request.user` of a visitor whose browser has bought something, until an account signs in."""

    def __init__(self, guest_token: str) -> None:
        super().__init__()
        self.guest_token = guest_token

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Guest) and other.guest_token == self.guest_token

    def __hash__(self) -> int:
        return hash(self.guest_token)


Buyer: TypeAlias = User | Guest


def new_guest_token() -> str:
    return secrets.token_hex(16)


def guests_can_buy() -> bool:
    """Return whether visitors can buy without an account. They need the link that is e-mailed to them."""
    return bool(settings.GUEST_CHECKOUT and settings.SENDS_MAIL)


def is_buyer(user: User | AnonymousUser) -> bool:
    """Return whether the user may have purchases: an account or a guest."""
    return user.is_authenticated or isinstance(user, Guest)


def buyer_required(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Redirect visitors who are neither signed in nor guests to the sign-in page."""

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not is_buyer(request.user):
            return redirect_to_sign_in(request)
        try:
            return view(request, *args, **kwargs)
        except Http404:
            if request.user.is_authenticated:
                raise
            return redirect_to_sign_in(request)  # an account may have claimed the guest's order

    return wrapper


def start_guest(request: HttpRequest) -> Guest:
    """Make the visitor a guest, and return it. Call it only if the visitor buys: it starts a session."""
    if not isinstance(request.user, Guest):
        token = request.session.setdefault(SESSION_KEY, new_guest_token())
        request.user = Guest(token)
    return request.user


def remember_checkout(response: HttpResponseBase, guest: Guest) -> None:
    """Let the browser prove later that it has started this guest's checkout.

    If Buy is pressed in two tabs at once, each response starts a session, and the browser keeps one of them.
    """
    response.set_cookie(
        _checkout_cookie(guest.guest_token),
        guest.guest_token,
        max_age=CHECKOUT_SECONDS,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def has_started_checkout(request: HttpRequest, guest_token: str) -> bool:
    value = request.COOKIES.get(_checkout_cookie(guest_token), "")
    return bool(guest_token) and secrets.compare_digest(value.encode(), guest_token.encode())


@receiver(user_logged_out)
def forget_checkouts(request: HttpRequest | None, **signal: Any) -> None:
    """Let guest_middleware delete the cookies: the next person at this computer must not get the orders."""
    if request:
        request.forgets_checkouts = True  # type: ignore[attr-defined]


def _delete_checkout_cookies(request: HttpRequest, response: HttpResponse) -> None:
    for name in request.COOKIES:
        if name.startswith(_checkout_cookie("")):
            response.delete_cookie(name, samesite="Lax")


def _checkout_cookie(guest_token: str) -> str:
    return f"{settings.SESSION_COOKIE_NAME}-{guest_token[:8]}"


def guest_middleware(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Let `request.user` be a Guest if the session has the token of one and no account is signed in."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if settings.SESSION_COOKIE_NAME in request.COOKIES:
            user = request.user
            request.user = SimpleLazyObject(lambda: _user_or_guest(request, user))  # type: ignore[assignment]

            async def auser() -> User | AnonymousUser:
                return await sync_to_async(_user_or_guest)(request, user)

            request.auser = auser
        response = get_response(request)
        if hasattr(request, "forgets_checkouts"):
            _delete_checkout_cookies(request, response)
        return response

    return middleware


def _user_or_guest(request: HttpRequest, user: User | AnonymousUser) -> User | AnonymousUser:
    if user.is_authenticated:
        return user
    token = request.session.get(SESSION_KEY)
    return Guest(token) if token else user
