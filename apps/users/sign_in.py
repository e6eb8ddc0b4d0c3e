from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.signals import user_logged_in
from django.contrib.auth.views import redirect_to_login
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import resolve_url
from django.utils.translation import gettext as _

from apps.core.form_origin import form_page

TYPED_EMAIL = "typed_email"  # session key: the address of the sign-up form, for the sign-in form

# Return where a buyer goes after signing in without `next`, or "". Other apps add to it in ready().
destinations: list[Callable[[HttpRequest], str]] = []


def destination(request: HttpRequest) -> str:
    return next((path for find in destinations if (path := find(request))), "")


def redirect_to_sign_in(request: HttpRequest) -> HttpResponseRedirect:
    """Redirect to the sign-in page, and from there back to the page, or to the page of the form that was sent."""
    if request.method in ("GET", "HEAD"):
        return redirect_to_login(request.get_full_path())
    messages.warning(request, _("You are not signed in any more. Please sign in and try again."))
    return redirect_to_login(form_page(request) or resolve_url(settings.LOGIN_REDIRECT_URL))


def login_required_to_post(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Restrict a view to signed-in users, like login_required. A view that accepts only POST can't be returned to."""

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return (
            view(request, *args, **kwargs) if request.user.is_authenticated else redirect_to_sign_in(request)
        )

    return wrapper


@receiver(user_logged_in)
def forget_typed_email(request: HttpRequest | None, **signal: Any) -> None:
    if request:
        request.session.pop(TYPED_EMAIL, None)
