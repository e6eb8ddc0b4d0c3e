from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from apps.core.standalone_page import render_standalone

RETRY_AFTER_SECONDS = 300


def availability(get_response: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Answer /healthz, and return 503 to all other requests if MAINTENANCE=true.

    Load balancers request /healthz by IP address, so it comes before the middleware that checks the host.
    Stripe sends events again for three days: https://docs.stripe.com/webhooks#retries
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if request.path == "/healthz":
            return HttpResponse("ok\n", content_type="text/plain", headers={"Cache-Control": "no-store"})
        if settings.MAINTENANCE:
            return render_standalone(request, "maintenance.html", 503, retry_after=RETRY_AFTER_SECONDS)
        return get_response(request)

    return middleware
