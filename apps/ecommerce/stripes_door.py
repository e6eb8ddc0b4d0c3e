"""Stripe's events come in by a door of their own, before all that is about people: session, language, form token.

After a sale they are the most that the shop is asked, and their signature is all that they need.
"""

import re
from functools import cache

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import ResolverMatch, resolve
from django.utils import translation

from apps.web.body_limit import body_limit
from apps.web.early import GetResponse, early

ADDRESS = "/webhooks/stripe/"
# As people type it into Stripe's Dashboard: Stripe follows no redirect.
TYPED = re.compile(r"/+webhooks/+stripe/*")


def stripes_door(get_response: GetResponse) -> GetResponse:
    """Middleware. During maintenance there is none: Stripe hears what everybody hears, and brings its events again."""
    if settings.MAINTENANCE:
        raise MiddlewareNotUsed

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if request.path_info != ADDRESS and not TYPED.fullmatch(request.path_info):
            return get_response(request)
        request.resolver_match, answer = _behind(settings.ROOT_URLCONF)
        with translation.override(settings.LANGUAGE_CODE):  # not whatever this thread spoke last
            return answer(request)

    return middleware


@cache
def _behind(urlconf: str) -> tuple[ResolverMatch, GetResponse]:
    match = resolve(ADDRESS, urlconf)
    return match, early(body_limit(match.func))
