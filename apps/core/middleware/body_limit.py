from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.urls import reverse

from apps.core.standalone_page import render_standalone


def body_limit(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Return 413 for a body of more than MAX_BODY_BYTES, or MAX_STAFF_BODY_BYTES where staff upload files."""

    def middleware(request: HttpRequest) -> HttpResponse:
        length = (request.META.get("CONTENT_LENGTH") or "0").strip()
        if not (length.isascii() and length.isdigit()):
            return HttpResponseBadRequest("The Content-Length is not a number.\n", content_type="text/plain")
        if int(length) > settings.MAX_BODY_BYTES and int(length) > _max_bytes(request):
            return render_standalone(request, "413.html", 413)
        return get_response(request)

    return middleware


def _max_bytes(request: HttpRequest) -> int:
    paths = (reverse("admin:index"), *settings.STAFF_UPLOAD_PATHS)
    is_upload = request.path.startswith(paths) and request.user.is_staff
    return settings.MAX_STAFF_BODY_BYTES if is_upload else settings.MAX_BODY_BYTES
