"""The IP address of the client, for rate limits and their log lines."""

import re
from collections.abc import Iterator
from ipaddress import IPv6Network, ip_address

from django.conf import settings
from django.http import HttpRequest

NOBODY = "0.0.0.0"  # noqa: S104  (where no address is known; an address, because sessions keep one)
WITH_PORT = re.compile(r"\[(.+)\](?::\d+)?|([\d.]+):\d+")


def client_address(request: HttpRequest) -> str:
    """Return the address that the outermost trusted proxy saw, or else the one that is connected.

    That proxy writes it into the header CLIENT_IP_HEADER, or adds it to X-Forwarded-For as the entry TRUSTED_PROXIES
    from the right. The client may have made up everything else. IPv6 is cut to the /64 that one household has.
    """
    return next(filter(None, map(clean_address, _candidates(request))), NOBODY)


def hops(request: HttpRequest) -> list[str]:
    """Return X-Forwarded-For, then who is connected: each proxy added the address that asked it."""
    forwarded = request.headers.get("X-Forwarded-For", "").split(",")
    return [*filter(None, map(str.strip, forwarded)), request.META.get("REMOTE_ADDR", "")]


def clean_address(text: str) -> str:
    """Return the address without port, IPv6 as its /64; "" when the text is no address."""
    text = text.strip()
    if match := WITH_PORT.fullmatch(text):  # some proxies add it
        text = match[1] or match[2]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    if address.version == 4:
        return str(address)
    return str(address.ipv4_mapped or IPv6Network((address, 64), strict=False).network_address)


def _candidates(request: HttpRequest) -> Iterator[str]:
    """Yield what may be the client's address, the best candidate first. The caller skips what is no address."""
    if settings.CLIENT_IP_HEADER:
        # A proxy that adds to the header instead of setting it leaves its own word last.
        yield request.headers.get(settings.CLIENT_IP_HEADER, "").rpartition(",")[2]
    yield from hops(request)[-settings.TRUSTED_PROXIES - 1 :]
