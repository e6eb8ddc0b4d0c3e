from collections.abc import Callable
from typing import Any

from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest

TYPED_EMAIL = "typed_email"  # session key: the address of the sign-up form, for the sign-in form

# Return where a buyer goes after signing in without `next`, or "". Other apps add to it in ready().
destinations: list[Callable[[HttpRequest], str]] = []


def destination(request: HttpRequest) -> str:
    return next((path for find in destinations if (path := find(request))), "")


@receiver(user_logged_in)
def forget_typed_email(request: HttpRequest | None, **signal: Any) -> None:
    if request:
        request.session.pop(TYPED_EMAIL, None)
