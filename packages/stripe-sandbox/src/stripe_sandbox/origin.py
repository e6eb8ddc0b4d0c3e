"""The scheme and host of the current request, so that hosted URLs have the host that the buyer uses."""

from contextvars import ContextVar

from django.conf import settings

_origin: ContextVar[str] = ContextVar("origin", default="")


def current() -> str:
    """Return "http://host:port" of the current request, or SITE_URL outside of one."""
    return _origin.get() or settings.SITE_URL


set_current = _origin.set
reset = _origin.reset
