"""Who is asking, as an IP address: for counting, and for the log line when somebody asks too often."""

import re
from ipaddress import IPv6Network, ip_address

from django.conf import settings
from django.http import HttpRequest

NOBODY = "0.0.0.0"  # noqa: S104  (where no address is known; an address, because sessions keep one)
WITH_PORT = re.compile(r"\[(.+)\](?::\d+)?|([\d.]+):\d+")


def client_address(request: HttpRequest) -> str:
    """The address that the outermost of our proxies saw (setting TRUSTED_PROXIES), or whoever is connected.

    Whatever else X-Forwarded-For says, the client may have made up. IPv6 is cut to the /64 that one household has.
    """
    hops = [request.META.get("REMOTE_ADDR", "")]
    if settings.TRUSTED_PROXIES and (forwarded := request.headers.get("X-Forwarded-For")):
        hops = [*forwarded.split(","), *hops][-settings.TRUSTED_PROXIES - 1 :]
    return _cleaned(hops[0])


def _cleaned(text: str) -> str:
    text = text.strip()
    if match := WITH_PORT.fullmatch(text):  # some proxies add it
        text = match[1] or match[2]
    try:
        address = ip_address(text)
    except ValueError:
        return NOBODY
    if address.version == 4:
        return str(address)
    mapped = address.ipv4_mapped
    return str(mapped or IPv6Network((address, 64), strict=False).network_address)
