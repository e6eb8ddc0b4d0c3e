from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseNotFound
from django.urls import reverse

from apps.core.standalone_page import render_standalone


class RefusedRequestsMiddleware:
    """Refuse null bytes, which PostgreSQL can neither store nor compare, and bodies that are too large."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "\0" in request.path_info:
            return HttpResponseNotFound("The path contains a null byte.\n", content_type="text/plain")
        query = request.META.get("QUERY_STRING", "")
        # Forms already reject them. Removing one from "%0%000" makes another.
        while "%00" in query or "\0" in query:
            query = request.META["QUERY_STRING"] = query.replace("%00", "").replace("\0", "")
        length = (request.META.get("CONTENT_LENGTH") or "0").strip()
        if not (length.isascii() and length.isdigit()):
            return HttpResponseBadRequest("The Content-Length is not a number.\n", content_type="text/plain")
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *view: Any) -> HttpResponse | None:
        """Return 413 for a body of more than MAX_BODY_BYTES, or MAX_STAFF_BODY_BYTES where staff upload files."""
        # Here the user is known, and CsrfViewMiddleware has not read the body yet.
        length = int(request.META.get("CONTENT_LENGTH") or 0)
        if length > settings.MAX_BODY_BYTES and length > _max_bytes(request):
            return render_standalone(request, "413.html", 413)
        return None


def _max_bytes(request: HttpRequest) -> int:
    paths = (reverse("admin:index"), *settings.STAFF_UPLOAD_PATHS)
    is_upload = request.path.startswith(paths) and request.user.is_staff
    return settings.MAX_STAFF_BODY_BYTES if is_upload else settings.MAX_BODY_BYTES
