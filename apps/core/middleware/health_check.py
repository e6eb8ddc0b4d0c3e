from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase


def health_check(get_response: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Answer /healthz before the host is checked: load balancers request it by IP address.

    It does not query the database: an outage there must not restart the web servers.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if request.path == "/healthz":
            return HttpResponse("ok\n", content_type="text/plain", headers={"Cache-Control": "no-store"})
        return get_response(request)

    return middleware
