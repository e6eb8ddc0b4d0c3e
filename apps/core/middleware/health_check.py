from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase


def health_check(get_response: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Answer /healthz before ALLOWED_HOSTS is checked, because load balancers request it by IP address."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if request.path == "/healthz":
            return HttpResponse("ok\n", content_type="text/plain", headers={"Cache-Control": "no-store"})
        return get_response(request)

    return middleware
