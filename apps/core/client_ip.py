import re
from ipaddress import IPv6Network, ip_address

from django.conf import settings
from django.http import HttpRequest

UNKNOWN_IP = "0.0.0.0"  # noqa: S104  (sessions store an IP address)
IP_WITH_PORT = re.compile(r"\[(.+)\](?::\d+)?|([\d.]+):\d+")


def client_ip(request: HttpRequest) -> str:
    """Return the client's IP address from CLIENT_IP_HEADER or X-Forwarded-For; IPv6 as its /64 network.

    Only the last TRUSTED_PROXIES entries of X-Forwarded-For count: a client can send any others.
    """
    candidates = forwarding_chain(request)[-settings.TRUSTED_PROXIES - 1 :]
    if settings.CLIENT_IP_HEADER:
        # A proxy that appends to the header instead of replacing it writes the last entry.
        candidates.insert(0, request.headers.get(settings.CLIENT_IP_HEADER, "").rpartition(",")[2])
    return next(filter(None, map(normalize_ip, candidates)), UNKNOWN_IP)


def forwarding_chain(request: HttpRequest) -> list[str]:
    """Return the entries of X-Forwarded-For, then the IP address of the connection."""
    forwarded = map(str.strip, request.headers.get("X-Forwarded-For", "").split(","))
    return [*filter(None, forwarded), request.META.get("REMOTE_ADDR", "")]


def normalize_ip(text: str) -> str:
    """Return the IP address without port, IPv6 as its /64 network; "" if the text is not an IP address."""
    text = text.strip()
    if match := IP_WITH_PORT.fullmatch(text):
        text = match[1] or match[2]
    try:
        ip = ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    if ip.version == 4:
        return str(ip)
    return str(ip.ipv4_mapped or IPv6Network((ip, 64), strict=False).network_address)
