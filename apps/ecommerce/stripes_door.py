"""Stripe's events come in by a door of their own, before all that is about people: session, language, form token.

After a sale they are the most that the shop is asked, and their signature is all that they need.
"""

from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import resolve, reverse
from django.utils import translation

from apps.web.body_limit import body_limit
from apps.web.indexing import private_by_default

GetResponse = Callable[[HttpRequest], HttpResponseBase]


def stripes_door(get_response: GetResponse) -> GetResponse:
    """Middleware. During maintenance there is none: Stripe hears what everybody hears, and brings its events again."""
    if settings.MAINTENANCE:
        raise MiddlewareNotUsed
    address = reverse("stripe_webhook")
    match = resolve(address)
    answer = private_by_default(body_limit(match.func))

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if request.path_info != address:
            return get_response(request)
        request.resolver_match = match
        with translation.override(settings.LANGUAGE_CODE):  # not whatever this thread spoke last
            response = answer(request)
        assert isinstance(response, HttpResponse)
        response["Content-Length"] = str(len(response.content))  # as CommonMiddleware does
        return response

    return middleware
