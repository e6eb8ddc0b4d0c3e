"""Rate limits (setting RATE_LIMITS, which allauth uses, too). While the cache is unreachable nothing is limited."""

import logging
import math
import time
from collections.abc import Callable
from functools import wraps
from hashlib import sha256
from ipaddress import ip_address

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers

from apps.core.client_ip import client_ip

logger = logging.getLogger(__name__)

UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
DEFAULT_WAIT_SECONDS = 60  # for allauth, which does not pass a time
MAX_SECONDS_SHOWN_IN_MINUTES = 2 * 3600

View = Callable[..., HttpResponseBase]


def rate_limited(
    name: str, *, parameter: str = "", by: Callable[[HttpRequest], str] | None = None
) -> Callable[[View], View]:
    """Decorate a view: return 429 if RATE_LIMITS[name] is exceeded.

    `parameter`: count only requests with this query parameter. `by`: function that returns the key of "key" rates;
    requests for which it returns "" are not counted.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def wrapper(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
            key = by(request) if by else ""
            counts = key if by else not parameter or request.GET.get(parameter)
            if counts and (seconds := consume(name, request, key)):
                return too_many_requests(request, seconds)
            return view(request, *args, **kwargs)

        return wrapper

    return decorate


def consume(name: str, request: HttpRequest | None = None, key: str = "") -> int:
    """Count one use of RATE_LIMITS[name]. Return 0 if it is allowed, else the seconds to wait.

    Without a request only "key" rates are counted.
    """
    wait = 0
    for rate in filter(None, settings.RATE_LIMITS.get(name, "").split(",")):
        limit, period, per = rate.strip().split("/")  # for example "10/5m/user"
        seconds = int(period[:-1] or 1) * UNIT_SECONDS[period[-1]]
        client = _identify(per, request, key)
        if client and _count(f"{name}:{rate}:{client}", seconds) > int(limit):
            wait = max(wait, math.ceil(seconds - now() % seconds))
    if wait and request:
        logger.warning("Rate limit %s exceeded by %s", name, client_ip(request))
    return wait


def too_many_requests(request: HttpRequest, seconds: int = DEFAULT_WAIT_SECONDS) -> HttpResponseBase:
    template = "web/_too_many_attempts.html" if request.headers.get("HX-Request") else "429.html"
    context = {
        "minutes": math.ceil(seconds / 60),
        "hours": math.ceil(seconds / 3600) if seconds > MAX_SECONDS_SHOWN_IN_MINUTES else 0,
        "target": request.headers.get("HX-Target", ""),
    }
    response = render(request, template, context, status=429)
    response.headers["Retry-After"] = str(seconds)
    add_never_cache_headers(response)
    return response


def now() -> float:
    return time.time()


def _identify(per: str, request: HttpRequest | None, key: str) -> str:
    """Return what this rate is counted by: the hashed key, the user or the IP address; "" if it is not counted."""
    if per == "key":  # hashed, because the cache must not contain e-mail addresses
        return sha256(key.encode()).hexdigest() if key else ""
    if request is None:
        return ""
    if per == "user":
        guest_token: str = getattr(request.user, "guest_token", "")
        return str(request.user.pk or guest_token)
    ip = ip_address(client_ip(request))
    # A loopback IP is a proxy that TRUSTED_PROXIES does not count: all visitors would share one limit.
    return "" if ip.is_loopback or ip.is_unspecified else str(ip)


def _count(key: str, seconds: int) -> int:
    key = f"rate:{key}:{int(now() // seconds)}"
    cache.add(key, 0, seconds)
    try:
        return cache.incr(key)
    except ValueError:  # the period has just ended
        return 1
