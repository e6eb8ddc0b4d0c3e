"""Under which address the buyer sees this site, so that a session made in-process leads back to the same host."""

from contextvars import ContextVar

from django.conf import settings

_origin: ContextVar[str] = ContextVar("origin", default="")


def current() -> str:
    """ "http://host:port" of the request being answered in this process, or SITE_URL outside of one."""
    return _origin.get() or settings.SITE_URL


use = _origin.set
forget = _origin.reset
