"""A request that sends more than its address has use for is answered 413, and nothing of it is read."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.urls import reverse

from apps.core.middleware.maintenance import alone


def body_limit(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware, behind those that know who is asking and before any that looks into a form."""

    def middleware(request: HttpRequest) -> HttpResponse:
        size = _content_length(request)
        if size is None:
            return HttpResponseBadRequest("The Content-Length is not a number.\n", content_type="text/plain")
        if size > settings.MOST_BYTES and not (_from_staff(request) and size <= settings.MOST_BYTES_OF_STAFF):
            return alone(request, "413.html", 413)
        return get_response(request)

    return middleware


def _content_length(request: HttpRequest) -> int | None:
    """Return bytes, or None if the header is malformed. Django reads no body without the header."""
    length = (request.META.get("CONTENT_LENGTH") or "0").strip()
    return int(length) if length.isascii() and length.isdigit() else None


def _from_staff(request: HttpRequest) -> bool:
    return request.path.startswith(reverse("admin:index")) and request.user.is_staff
