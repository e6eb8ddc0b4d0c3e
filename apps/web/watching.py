"""What is known of every request afterwards: an id, one line in the log, and numbers for Prometheus."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from uuid import uuid4

from django.http import HttpRequest, HttpResponse
from prometheus_client import Counter, Histogram

from config.logs import request_id

logger = logging.getLogger(__name__)

ID = re.compile(r"[A-Za-z0-9-]{8,64}")  # a proxy may have given one
QUIET = ("/static/", "/media/", "/healthz", "/metrics")  # nobody wants a line a second about these

REQUESTS = Counter("http_requests", "Requests answered.", ["method", "route", "status"])
SECONDS = Histogram(
    "http_request_seconds",
    "From the first middleware to the whole answer.",
    ["route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)


def watching(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """The outermost middleware: whatever answers further in, is seen here."""

    def middleware(request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        token = request_id.set(given if ID.fullmatch(given) else uuid4().hex)
        started = time.perf_counter()
        try:
            response = get_response(request)
            response["X-Request-ID"] = request_id.get()
            if not request.path.startswith(QUIET):
                _note(request, response, time.perf_counter() - started)
            return response
        finally:
            request_id.reset(token)

    return middleware


def _note(request: HttpRequest, response: HttpResponse, seconds: float) -> None:
    match = request.resolver_match
    route = f"/{match.route}" if match else "(none)"
    method = request.method if request.method in ("GET", "HEAD", "POST", "OPTIONS") else "other"
    REQUESTS.labels(method, route, str(response.status_code)).inc()
    SECONDS.labels(route).observe(seconds)
    user = request.__dict__.get("_cached_user")  # asked for already, or not worth a query
    logger.info(
        "%s %s %s in %.0f ms",
        method,
        route if _has_secret(request) else request.path[:200],
        response.status_code,
        seconds * 1000,
        extra={
            "method": method,
            "route": route,
            "status": response.status_code,
            "ms": round(seconds * 1000, 1),
            "user": user.pk if user is not None else None,
        },
    )


def _has_secret(request: HttpRequest) -> bool:
    """Links out of mails carry a key in the path: whoever reads it in a log can use it."""
    match = request.resolver_match
    return bool(match and {"key", "uidb36"} & match.kwargs.keys())
