from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse

from apps.core.standalone_page import render_standalone

RETRY_AFTER_SECONDS = 300


def maintenance(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Return 503 if MAINTENANCE=true. Stripe sends events again for three days: https://docs.stripe.com/webhooks#retries"""
    if not settings.MAINTENANCE:
        raise MiddlewareNotUsed

    def middleware(request: HttpRequest) -> HttpResponse:
        return render_standalone(request, "maintenance.html", 503, retry_after=RETRY_AFTER_SECONDS)

    return middleware
