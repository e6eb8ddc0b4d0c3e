"""The client's IP address, for rate limits and log lines."""

import re
from ipaddress import IPv6Network, ip_address

from django.conf import settings
from django.http import HttpRequest

UNKNOWN = "0.0.0.0"  # noqa: S104  (an IP address, because sessions store one)
WITH_PORT = re.compile(r"\[(.+)\](?::\d+)?|([\d.]+):\d+")


def client_ip(request: HttpRequest) -> str:
    """Return the IP address that the outermost trusted proxy saw; IPv6 as the /64 network of one household.

    That proxy writes it into CLIENT_IP_HEADER, or adds it to X-Forwarded-For as the entry TRUSTED_PROXIES from the
    right. The client may have made up all other entries.
    """
    candidates = forwarding_chain(request)[-settings.TRUSTED_PROXIES - 1 :]
    if settings.CLIENT_IP_HEADER:
        # A proxy that appends to the header instead of replacing it writes the last entry.
        candidates.insert(0, request.headers.get(settings.CLIENT_IP_HEADER, "").rpartition(",")[2])
    return next(filter(None, map(normalize_ip, candidates)), UNKNOWN)


def forwarding_chain(request: HttpRequest) -> list[str]:
    """Return the entries of X-Forwarded-For and the connected peer: each proxy added the one before it."""
    forwarded = request.headers.get("X-Forwarded-For", "").split(",")
    return [*filter(None, map(str.strip, forwarded)), request.META.get("REMOTE_ADDR", "")]


def normalize_ip(text: str) -> str:
    """Return the IP address without port, IPv6 as its /64 network; "" if the text is not an IP address."""
    text = text.strip()
    if match := WITH_PORT.fullmatch(text):
        text = match[1] or match[2]
    try:
        ip = ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    if ip.version == 4:
        return str(ip)
    return str(ip.ipv4_mapped or IPv6Network((ip, 64), strict=False).network_address)
