"""How often is too often (setting RATE_LIMITS), counted in the cache that all processes share.

`@limited("search")` on a view; allauth counts its own pages by the same table. While the cache is away nothing is
counted: a shop that sells is worth more than a limit.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from functools import wraps
from hashlib import sha256
from ipaddress import ip_address
from typing import Concatenate, ParamSpec, TypeVar

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers

from apps.core.client_ip import client_address

logger = logging.getLogger(__name__)

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
A_WHILE = 60  # seconds; allauth does not say how long
A_FEW_HOURS = 2 * 3600  # seconds; from here on hours are said, not minutes

Request = TypeVar("Request", bound=HttpRequest)
P = ParamSpec("P")
View = Callable[Concatenate[Request, P], HttpResponseBase]


def limited(
    name: str, *, asks: str = "", by: Callable[[HttpRequest], str] | None = None
) -> Callable[[View[Request, P]], View[Request, P]]:
    """Decorates a view: answers 429 where RATE_LIMITS[name] says so. With `asks`, counts only requests that bring
    that parameter. With `by`, counts "key" rates by what it returns, and only requests for which that is not empty.
    """

    def decorate(view: View[Request, P]) -> View[Request, P]:
        @wraps(view)
        def inner(request: Request, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            key = by(request) if by else ""
            counts = key if by else not asks or request.GET.get(asks)
            if counts and (seconds := seconds_to_wait(request, name, key)):
                return too_often(request, seconds)
            return view(request, *args, **kwargs)

        return inner

    return decorate


def seconds_to_wait(request: HttpRequest, name: str, key: str = "") -> int:
    """Counts this request; 0 if it may go on."""
    wait = _longest_wait(name, lambda per: _who(request, per, key))
    if wait:
        logger.warning("Too often: %s by %s", name, client_address(request))
    return wait


def key_has_to_wait(name: str, key: str) -> bool:
    """Count once for this key, by the "key" rates of RATE_LIMITS[name]; needs no request."""
    return _longest_wait(name, lambda per: _hashed(key) if per == "key" else "") > 0


def too_often(request: HttpRequest, seconds: int = A_WHILE) -> HttpResponseBase:
    """The 429 page, or for htmx a few words in the place of what it asked for."""
    template = "web/_too_often.html" if request.headers.get("HX-Request") else "429.html"
    context = {
        "minutes": math.ceil(seconds / 60),
        "hours": math.ceil(seconds / 3600) if seconds > A_FEW_HOURS else 0,
        "target": request.headers.get("HX-Target", ""),
    }
    response = render(request, template, context, status=429)
    response["Retry-After"] = str(seconds)
    add_never_cache_headers(response)
    return response


def now() -> float:
    return time.time()


def _parsed(rate: str) -> tuple[int, int, str]:
    """ "10/5m/user" ▶ 10, 300 seconds, "user"."""
    most, span, per = rate.strip().split("/")
    return int(most), int(span[:-1] or 1) * UNITS[span[-1]], per


def _longest_wait(name: str, who_of: Callable[[str], str]) -> int:
    """Count by each rate of RATE_LIMITS[name]; `who_of` returns who is counted per "ip", "user" or "key"."""
    wait = 0
    for rate in filter(None, settings.RATE_LIMITS.get(name, "").split(",")):
        most, seconds, per = _parsed(rate)
        who = who_of(per)
        if who and _count(f"{name}:{rate}:{who}", seconds) > most:
            wait = max(wait, math.ceil(seconds - now() % seconds))
    return wait


def _hashed(key: str) -> str:
    """Keys are e-mail addresses: they are not kept, and may be of any length."""
    return sha256(key.encode()).hexdigest()


def _who(request: HttpRequest, per: str, key: str) -> str:
    """Whose requests are counted together; "" if nobody's."""
    if per == "key":
        return _hashed(key) if key else ""
    if per == "user":
        return str(request.user.pk or "")
    address = ip_address(client_address(request))
    # This machine's own address, or none, is a proxy that BEHIND_TLS_PROXY does not tell of: all would be one person.
    return "" if address.is_loopback or address.is_unspecified else str(address)


def _count(key: str, seconds: int) -> int:
    """How many there were in this window of time, with this one."""
    key = f"often:{key}:{int(now() // seconds)}"
    for _try in range(2):
        try:
            return cache.incr(key)
        except ValueError:  # the first in this window
            cache.add(key, 0, seconds)
    return 1
