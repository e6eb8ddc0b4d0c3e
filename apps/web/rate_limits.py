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
from ipaddress import ip_address
from typing import Concatenate, ParamSpec, TypeVar

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers

from apps.web.client_address import client_address

logger = logging.getLogger(__name__)

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
A_WHILE = 60  # seconds; allauth does not say how long

Request = TypeVar("Request", bound=HttpRequest)
P = ParamSpec("P")
View = Callable[Concatenate[Request, P], HttpResponseBase]


def limited(name: str, *, asks: str = "") -> Callable[[View[Request, P]], View[Request, P]]:
    """Decorates a view: answers 429 where RATE_LIMITS[name] says so. With `asks`, counts only requests that bring
    that parameter.
    """

    def decorate(view: View[Request, P]) -> View[Request, P]:
        @wraps(view)
        def inner(request: Request, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            counts = not asks or request.GET.get(asks)
            if counts and (seconds := seconds_to_wait(request, name)):
                return too_often(request, seconds)
            return view(request, *args, **kwargs)

        return inner

    return decorate


def seconds_to_wait(request: HttpRequest, name: str) -> int:
    """Counts this request; 0 if it may go on."""
    wait = 0
    for rate in filter(None, settings.RATE_LIMITS.get(name, "").split(",")):
        most, seconds, per = _parsed(rate)
        who = _who(request, per)
        if who and _count(f"{name}:{rate}:{who}", seconds) > most:
            wait = max(wait, math.ceil(seconds - now() % seconds))
    if wait:
        logger.warning("Too often: %s by %s", name, client_address(request))
    return wait


def too_often(request: HttpRequest, seconds: int = A_WHILE) -> HttpResponseBase:
    """The 429 page, or for htmx a few words in the place of what it asked for."""
    template = "web/_too_often.html" if request.headers.get("HX-Request") else "429.html"
    context = {"minutes": math.ceil(seconds / 60), "target": request.headers.get("HX-Target", "")}
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


def _who(request: HttpRequest, per: str) -> str:
    """Whose requests are counted together; "" if nobody's."""
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
