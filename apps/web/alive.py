"""/healthz answers whoever asks, by whatever name or number and without TLS: load balancers know no host name."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from apps.web.views.monitoring import healthz

GetResponse = Callable[[HttpRequest], HttpResponse]


def alive(get_response: GetResponse) -> GetResponse:
    """Middleware, before any that looks at the host."""
    return lambda request: healthz(request) if request.path == "/healthz" else get_response(request)
