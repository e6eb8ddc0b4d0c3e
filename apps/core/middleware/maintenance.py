"""MAINTENANCE=true: every address answers 503 with one page that needs no database, no session and no cache.

Health checks go on, so that nobody restarts a server that is only closed; /readyz says "not ready" with the others.
Stripe's webhook answers 503 as well: Stripe keeps the event and brings it again, for three days.
https://docs.stripe.com/webhooks#retries
"""

from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse
from django.template import loader
from django.utils import translation
from django.utils.cache import add_never_cache_headers

from apps.core.theme import chosen_theme

RETRY_AFTER = 300  # seconds
GetResponse = Callable[[HttpRequest], HttpResponse]


def closed_for_maintenance(get_response: GetResponse) -> GetResponse:
    """Middleware; it is not there at all unless settings.MAINTENANCE."""
    if not settings.MAINTENANCE:
        raise MiddlewareNotUsed

    return closed


def closed(request: HttpRequest) -> HttpResponse:
    response = alone(request, "maintenance.html", 503)
    response["Retry-After"] = str(RETRY_AFTER)
    add_never_cache_headers(response)
    return response


def alone(request: HttpRequest, template: str, status: int) -> HttpResponse:
    """A page that asks neither the database, the session nor the context processors: they may be what is broken."""
    context = {
        "site_name": settings.SITE_NAME,
        "support_email": settings.SUPPORT_EMAIL,
        "theme": chosen_theme(request),
    }
    with translation.override(translation.get_language_from_request(request)):
        return HttpResponse(loader.get_template(template).render(context), status=status)
