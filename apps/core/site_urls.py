"""Addresses for others than the browser that asks: they begin with SITE_URL."""

from urllib.parse import urljoin

from django.conf import settings
from django.http import HttpRequest


def absolute(address: str) -> str:
    """ "/store/" ▶ "https://shop.example.com/store/". One that is absolute (pictures at a CDN) stays as it is."""
    return urljoin(f"{settings.SITE_URL}/", address)


def site_origin(request: HttpRequest) -> str:
    """Return where Stripe sends a browser back to: SITE_URL, never a host that a request named.

    In development it is the host in the address bar, because localhost and 127.0.0.1 do not share cookies.
    """
    if settings.DEBUG:
        return f"{request.scheme}://{request.get_host()}"
    return str(settings.SITE_URL)
