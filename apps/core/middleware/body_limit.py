from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.urls import reverse

from apps.core.standalone_page import render_standalone


def body_limit(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Answer 413 to a request with a larger body than MAX_BODY_BYTES, or in the admin MAX_STAFF_BODY_BYTES.

    It comes after the authentication and before any middleware that reads a form.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        length = (request.META.get("CONTENT_LENGTH") or "0").strip()
        if not (length.isascii() and length.isdigit()):
            return HttpResponseBadRequest("The Content-Length is not a number.\n", content_type="text/plain")
        size = int(length)
        if size <= settings.MAX_BODY_BYTES or (
            size <= settings.MAX_STAFF_BODY_BYTES and _is_from_staff(request)
        ):
            return get_response(request)
        return render_standalone(request, "413.html", 413)

    return middleware


def _is_from_staff(request: HttpRequest) -> bool:
    return request.path.startswith(reverse("admin:index")) and request.user.is_staff
