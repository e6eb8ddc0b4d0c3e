"""/healthz answers whoever asks, by whatever name or number and without TLS: load balancers know no host name."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from apps.web.indexing import private_by_default
from apps.web.views.monitoring import healthz

GetResponse = Callable[[HttpRequest], HttpResponseBase]


def alive(get_response: GetResponse) -> GetResponse:
    """Middleware, before any that looks at the host."""
    answer = private_by_default(healthz)

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if request.path != "/healthz":
            return get_response(request)
        response = answer(request)
        assert isinstance(response, HttpResponse)
        response["Content-Length"] = str(len(response.content))  # as CommonMiddleware does
        return response

    return middleware
