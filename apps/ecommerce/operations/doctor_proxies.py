"""Asks the site at SITE_URL as a shopper would, and looks at what the proxies in front make of it.

Too few trusted proxies: all shoppers have one address, and ten wrong passwords lock all of them out. Too many, or a
header that a client can write: no limit per address holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

import requests
from django.conf import settings

from apps.core.client_ip import normalize_ip
from apps.core.public_urls import is_public
from apps.core.self_request import authorization
from apps.ecommerce.operations.findings import Finding

TIMEOUT_SECONDS = 10
HALF_BODY_SECONDS = 3
MADE_UP = "192.0.2.66"  # RFC 5737: reserved for documentation
READYZ = "/readyz"


def examine_proxies() -> Iterator[Finding]:
    """Yield findings about client addresses and slow clients; none about Stripe."""
    header = settings.CLIENT_IP_HEADER or "X-Forwarded-For"
    names = {"X-Forwarded-For", header}
    try:
        plain = _ask({})
        forged = _ask(dict.fromkeys(names, MADE_UP))
        underscored = _ask({name.replace("-", "_"): MADE_UP for name in names})
    except requests.RequestException as error:
        words = " ".join(str(error).split())[:200]
        yield _not_asked(
            f"{settings.SITE_URL} can't be reached: {words}", "Start the site, or correct SITE_URL."
        )
        return
    if not (plain and forged and underscored):
        todo = "Run this where the site runs, with the site's SECRET_KEY."
        yield _not_asked(f"{settings.SITE_URL}{READYZ} tells this command no details", todo)
        return
    right = ", which should be this machine's public address" if is_public(settings.SITE_URL) else ""
    yield Finding(True, f"The site sees this command at {plain['client_address']}{right}")
    yield from _scheme(plain)
    yield from _forgeries(forged, underscored)
    yield from _shared(plain, forged)
    if is_public(settings.SITE_URL):
        yield from _slow_clients()


def _ask(headers: dict[str, str]) -> dict[str, Any]:
    """Return what /readyz answers about this request; {} if it answers without details."""
    url = f"{settings.SITE_URL}{READYZ}"
    sent = {"Authorization": authorization(), **headers}
    response = requests.get(url, headers=sent, timeout=TIMEOUT_SECONDS, allow_redirects=False)
    try:
        answer = response.json()
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) and "client_address" in answer else {}


def _not_asked(words: str, todo: str) -> Finding:
    """On a developer's machine no site has to run while this command does."""
    if is_public(settings.SITE_URL):
        return Finding(False, words, todo)
    return Finding(True, f"Client addresses not looked at: {words}")


def _scheme(plain: dict[str, Any]) -> Iterator[Finding]:
    if settings.SITE_URL.startswith("https://") and not plain["https"]:
        todo = "Set BEHIND_TLS_PROXY=true, and let the proxy set X-Forwarded-Proto."
        yield Finding(False, "The site does not know that it was asked over https", todo)


def _forgeries(forged: dict[str, Any], underscored: dict[str, Any]) -> Iterator[Finding]:
    if forged["client_address"] == MADE_UP:
        words = "Shoppers can choose the address that limits count them by"
        yield Finding(False, words, _right_count(forged))
    believed = underscored["hops"] if underscored["trusted_proxies"] else []
    if MADE_UP in (underscored["client_address"], *believed):
        words = "Headers with underscores (X_Forwarded_For) replace the proxy's own"
        yield Finding(
            False, words, "Let the proxy drop them, as deploy/Caddyfile does (nginx does it by itself)."
        )


def _shared(plain: dict[str, Any], forged: dict[str, Any]) -> Iterator[Finding]:
    """The address is one of a proxy's, the same for all shoppers."""
    proxies = _proxies(forged)
    client = normalize_ip(plain["hops"][-1 - proxies :][0])
    too_few = not plain["client_ip_header"] and plain["trusted_proxies"] < proxies
    if plain["client_address"] == client and not too_few:
        return
    words = f"All shoppers have one address, {plain['client_address']}: one can lock out the others"
    yield Finding(False, words, _right_count(forged))


def _proxies(forged: dict[str, Any]) -> int:
    """Return the number of proxies. They wrote the entries after the made-up one, the client's address first."""
    hops = forged["hops"]
    made_up = hops.index(MADE_UP) if MADE_UP in hops else -1  # a proxy may drop what clients send
    return max(len(hops) - made_up - 2, 0)


def _right_count(forged: dict[str, Any]) -> str:
    header = settings.CLIENT_IP_HEADER
    unset = f"Unset CLIENT_IP_HEADER ({header} does not name the client) and set" if header else "Set"
    return f"{unset} TRUSTED_PROXIES={_proxies(forged)} (now {forged['trusted_proxies']})."


def _slow_clients() -> Iterator[Finding]:
    """Half a body is sent: a proxy that buffers waits for the rest of it, the web server alone answers at once."""
    if answers_half_a_body():
        words = "Half-sent requests reach the web server, where each holds a thread: a few dozen slow clients stop it"
        yield Finding(
            False, words, "Let the proxy buffer request bodies, as deploy/Caddyfile and nginx.conf do."
        )


def answers_half_a_body() -> bool:
    url = urlsplit(settings.SITE_URL)
    kind = HTTPSConnection if url.scheme == "https" else HTTPConnection
    connection = kind(url.netloc, timeout=HALF_BODY_SECONDS)
    try:
        connection.request("POST", READYZ, body=b"half", headers={"Content-Length": "8"})
        connection.getresponse()
    except (OSError, HTTPException):  # it still waits, or has closed the connection
        return False
    finally:
        connection.close()
    return True
