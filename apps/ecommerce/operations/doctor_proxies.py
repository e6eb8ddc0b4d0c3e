"""Request the site at SITE_URL, and check how the proxies in front of it change requests.

With too few trusted proxies, all shoppers have one IP address, and ten wrong passwords lock all of them out. With too
many, or with a header that clients can set, rate limits by IP address have no effect.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

import requests
from django.conf import settings

from apps.core.client_ip import normalize_ip
from apps.core.self_request import authorization_header
from apps.core.site_urls import is_public_url

TIMEOUT_SECONDS = 10
PARTIAL_BODY_SECONDS = 3
FORGED_IP = "192.0.2.66"  # RFC 5737: reserved for documentation
READYZ = "/readyz"


@dataclass(frozen=True, slots=True)
class Finding:
    ok: bool
    message: str
    hint: str = ""  # how to repair what is not ok


def check_proxies() -> Iterator[Finding]:
    names = {"X-Forwarded-For", settings.CLIENT_IP_HEADER or "X-Forwarded-For"}
    try:
        plain = _request_readyz({})
        forged = _request_readyz(dict.fromkeys(names, FORGED_IP))
        underscored = _request_readyz({name.replace("-", "_"): FORGED_IP for name in names})
    except requests.RequestException as error:
        reason = f"{settings.SITE_URL} can't be reached: {_network_error(error)}"
        yield _not_checked(reason, "Start the site, or correct SITE_URL.")
        return
    if not (plain and forged and underscored):
        hint = "Run this command on the site's server, with the site's SECRET_KEY."
        yield _not_checked(f"{settings.SITE_URL}{READYZ} returns no details to this command", hint)
        return
    expected = (
        ", which should be this machine's public IP address" if is_public_url(settings.SITE_URL) else ""
    )
    yield Finding(True, f"For the site, this command has the IP address {plain['client_address']}{expected}")
    if settings.SITE_URL.startswith("https://") and not plain["https"]:
        hint = "Set BEHIND_TLS_PROXY=true, and let the proxy set X-Forwarded-Proto."
        yield Finding(False, "The site treats HTTPS requests as HTTP", hint)
    yield from _check_forgery(forged, underscored)
    yield from _check_shared_ip(plain, forged)
    if is_public_url(settings.SITE_URL):
        yield from _check_buffering()


def _request_readyz(headers: dict[str, str]) -> dict[str, Any]:
    response = requests.get(
        f"{settings.SITE_URL}{READYZ}",
        headers={"Authorization": authorization_header(), **headers},
        timeout=TIMEOUT_SECONDS,
        allow_redirects=False,
    )
    try:
        details = response.json()
    except ValueError:
        return {}
    return details if isinstance(details, dict) and "client_address" in details else {}


def _network_error(error: requests.RequestException) -> str:
    """Return the last part of the message; before it, requests names its own classes."""
    cause = getattr(error.args[0], "reason", error) if error.args else error
    return " ".join(str(cause).split()).rpartition(": ")[2][:200]


def _not_checked(reason: str, hint: str) -> Finding:
    if is_public_url(settings.SITE_URL):
        return Finding(False, reason, hint)
    return Finding(True, f"Proxies not checked: {reason}")  # in development, the site may be stopped


def _check_forgery(forged: dict[str, Any], underscored: dict[str, Any]) -> Iterator[Finding]:
    if forged["client_address"] == FORGED_IP:
        message = "Shoppers can choose the IP address that rate limits count"
        yield Finding(False, message, _trusted_proxies_hint(forged))
    trusted_hops = underscored["hops"] if underscored["trusted_proxies"] else []
    if FORGED_IP in (underscored["client_address"], *trusted_hops):
        message = "Headers with underscores (X_Forwarded_For) replace the proxy's headers"
        hint = "Let the proxy drop them, as deploy/Caddyfile does (nginx does so by default)."
        yield Finding(False, message, hint)


def _check_shared_ip(plain: dict[str, Any], forged: dict[str, Any]) -> Iterator[Finding]:
    proxies = _count_proxies(forged)
    client = normalize_ip(plain["hops"][-1 - proxies :][0])
    too_few = not plain["client_ip_header"] and plain["trusted_proxies"] < proxies
    if plain["client_address"] != client or too_few:
        message = f"All shoppers appear to have the IP address {plain['client_address']}: one of them can lock out all"
        yield Finding(False, message, _trusted_proxies_hint(forged))


def _count_proxies(forged: dict[str, Any]) -> int:
    """Count the proxies: the IP addresses after the forged one, except the first, which is the client's."""
    hops = forged["hops"]
    forged_index = hops.index(FORGED_IP) if FORGED_IP in hops else -1  # a proxy may remove the forged entry
    return max(len(hops) - forged_index - 2, 0)


def _trusted_proxies_hint(forged: dict[str, Any]) -> str:
    header = settings.CLIENT_IP_HEADER
    unset = f"Unset CLIENT_IP_HEADER ({header} does not name the client) and set" if header else "Set"
    return f"{unset} TRUSTED_PROXIES={_count_proxies(forged)} (now {forged['trusted_proxies']})."


def _check_buffering() -> Iterator[Finding]:
    if responds_to_partial_body():
        message = "Incomplete requests hold threads of the web server: some slow clients can stop the site"
        hint = "Let the proxy buffer request bodies, as deploy/Caddyfile and nginx.conf do."
        yield Finding(False, message, hint)


def responds_to_partial_body() -> bool:
    """Send half of a body. A buffering proxy waits for the rest; a web server without one responds at once."""
    url = urlsplit(settings.SITE_URL)
    connection_class = HTTPSConnection if url.scheme == "https" else HTTPConnection
    connection = connection_class(url.netloc, timeout=PARTIAL_BODY_SECONDS)
    try:
        connection.request("POST", READYZ, body=b"half", headers={"Content-Length": "8"})
        connection.getresponse()
    except (OSError, HTTPException):  # the proxy waits, or it has closed the connection
        return False
    finally:
        connection.close()
    return True
