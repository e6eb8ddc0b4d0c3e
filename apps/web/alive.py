"""/healthz answers whoever asks, by whatever name or number and without TLS: load balancers know no host name."""

from apps.web.early import GetResponse, early
from apps.web.views.monitoring import healthz


def alive(get_response: GetResponse) -> GetResponse:
    """Middleware, before any that looks at the host."""
    answer = early(healthz)
    return lambda request: answer(request) if request.path == "/healthz" else get_response(request)
