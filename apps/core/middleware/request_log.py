"""Log one line for each request. Its id is in all log lines of the request and in X-Request-ID."""

import logging
import re
from collections.abc import Callable
from secrets import token_hex
from time import perf_counter

from django.http import HttpRequest, HttpResponse

from apps.core.log_filters import request_id

logger = logging.getLogger(__name__)

VALID_ID = re.compile(r"[A-Za-z0-9-]{8,64}")  # a proxy may send X-Request-ID
UNLOGGED = ("/static/", "/media/", "/healthz", "/metrics")
SECRET_ARGUMENTS = {"key", "uidb36"}  # URL arguments that contain the secret of an e-mailed link


def request_log(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    def middleware(request: HttpRequest) -> HttpResponse:
        given_id = request.META.get("HTTP_X_REQUEST_ID", "")
        token = request_id.set(given_id if VALID_ID.fullmatch(given_id) else token_hex(16))
        started = perf_counter()
        try:
            response = get_response(request)
            response.headers["X-Request-ID"] = request_id.get()
            if not request.path.startswith(UNLOGGED):
                _log(request, response, (perf_counter() - started) * 1000)
            return response
        finally:
            request_id.reset(token)

    return middleware


def _log(request: HttpRequest, response: HttpResponse, ms: float) -> None:
    match = request.resolver_match
    route = f"/{match.route}" if match else "(none)"
    has_secret = match is not None and not SECRET_ARGUMENTS.isdisjoint(match.kwargs)
    user = getattr(request, "_cached_user", None)  # request.user would query the database
    extra = {
        "method": request.method,
        "route": route,
        "status": response.status_code,
        "ms": round(ms, 1),
        "user": user.pk if user else None,
    }
    path = route if has_secret else request.path[:200]
    logger.info("%s %s %s in %.0f ms", request.method, path, response.status_code, ms, extra=extra)
