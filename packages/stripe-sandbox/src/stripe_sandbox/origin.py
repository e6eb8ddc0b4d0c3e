"""Scheme and host of the current request. Hosted URLs use them, so that the buyer stays on one host."""

from contextvars import ContextVar

from django.conf import settings

_origin: ContextVar[str] = ContextVar("origin", default="")


def current() -> str:
    return _origin.get() or settings.SITE_URL


set_current = _origin.set
reset = _origin.reset
