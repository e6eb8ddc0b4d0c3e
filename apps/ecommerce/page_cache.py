"""Cache pages that are the same for all visitors, until the catalogue changes.

A shared page is rendered from a request that holds nothing of a person (apps/web/shared_request.py), and only for
people who bring nothing that would make it theirs. Everybody else gets the page rendered from their own request.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import wraps
from gzip import compress
from hashlib import sha256
from typing import Concatenate, ParamSpec
from urllib.parse import urlencode

from django.conf import settings
from django.core.cache import caches
from django.http import HttpRequest, HttpResponse, QueryDict
from django.template.response import SimpleTemplateResponse
from django.utils import timezone
from django.utils.cache import get_conditional_response, patch_cache_control

from apps.web import theme
from apps.web.shared_request import SharedRequest, is_impersonal, language

from . import catalogue_version

SECONDS = 300  # at most: should a process die between its commit and the new stamp, this heals it
HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-cache",
    "Vary": "Cookie, Accept-Language, Accept-Encoding",
}
# What advertisers and mailing services append to links. No view reads it: the page is the same with and without.
MARKETING = re.compile(
    r"utm_\w+|gclid|gclsrc|gbraid|wbraid|dclid|gad_source|gad_campaignid|srsltid|_gl"
    r"|fbclid|igshid|msclkid|ttclid|twclid|li_fat_id|yclid|epik|mc_cid|mc_eid|_hsenc|_hsmi"
)

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]
# A parameter's value ▶ its one form; "" for the default; None when a page with this value is not shared.
Normalise = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Page:
    body: bytes
    zipped: bytes
    etag: str


def shared_page(**parameters: Normalise) -> Callable[[View[P]], View[P]]:
    """Decorate a view whose page is the same for all anonymous visitors. GET and HEAD only.

    `parameters` names those that choose among few pages, each with the function that normalises its value. Any other
    parameter (but those of MARKETING) makes a page that is rendered for this one request.
    """

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def wrapper(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            values = _normalised(request.GET, parameters) if is_impersonal(request) else None
            if values is not None:
                name = f"{view.__module__}.{view.__qualname__}"
                response = _shared(request, values, name, lambda shared: view(shared, *args, **kwargs))
                if response is not None:
                    return response
            return _private(view(request, *args, **kwargs))

        return wrapper

    return decorate


def one_of(choices: Collection[str]) -> Normalise:
    return lambda value: value if value in choices else ""


def _normalised(query: QueryDict, parameters: Mapping[str, Normalise]) -> dict[str, str] | None:
    """Return the known parameters in one form and order, without defaults; None if the page is not shared."""
    found: dict[str, str] = {}
    for name, values in query.lists():
        if name in parameters and len(values) == 1:
            value = parameters[name](values[0])
            if value is None:
                return None
            found[name] = value
        elif name in parameters or not MARKETING.fullmatch(name):
            return None
    return {name: found[name] for name in parameters if found.get(name)}


def _shared(
    request: HttpRequest, values: dict[str, str], name: str, view: Callable[[HttpRequest], HttpResponse]
) -> HttpResponse | None:
    """Return the shared page, from the cache or rendered now; None if the view makes it personal."""
    key = _key(request, values, name)
    page: Page | None = caches["pages"].get(key) if key else None
    if page is None:
        shared = SharedRequest(request, values)
        response = _render(view, shared)
        if shared.was_made_personal() or response.cookies or response.has_header("Vary"):
            return None
        if not _is_plain_page(response):
            return _private(response)
        body = response.content
        page = Page(body, compress(body, 6, mtime=0), sha256(body).hexdigest()[:32])
        if key:
            caches["pages"].set(key, page, SECONDS)
    return _answer(request, page)


def _key(request: HttpRequest, values: dict[str, str], name: str) -> str | None:
    """None where nothing may be kept: while templates are being written, or without a stamp."""
    # Read the stamp before rendering: a change during rendering must make the page stale.
    if settings.DEBUG or not (stamp := catalogue_version.current()):
        return None
    address = (settings.SITE_URL, request.path, urlencode(values))
    parts = (stamp, name, *address, language(), theme.chosen(request))
    return sha256(repr(parts).encode()).hexdigest()


def _render(view: Callable[[HttpRequest], HttpResponse], shared: SharedRequest) -> HttpResponse:
    with timezone.override(None):  # a middleware may have activated one person's
        response = view(shared)
        if isinstance(response, SimpleTemplateResponse):
            response.render()
    return response


def _is_plain_page(response: HttpResponse) -> bool:
    """Return whether this is a whole HTML page about which the view says nothing more, as in Cache-Control."""
    is_html = response.headers.get("Content-Type") == HEADERS["Content-Type"]
    says_more = response.headers.keys() - {"Content-Type"}
    return response.status_code == 200 and is_html and not response.streaming and not says_more


def _private(response: HttpResponse) -> HttpResponse:
    patch_cache_control(response, private=True, no_store=True)
    return response


def _answer(request: HttpRequest, page: Page) -> HttpResponse:
    """The page, or 304 if the browser has it. https://www.rfc-editor.org/rfc/rfc9110#section-13"""
    zipped = "gzip" in request.META.get("HTTP_ACCEPT_ENCODING", "")
    etag = f'"{page.etag}-gzip"' if zipped else f'"{page.etag}"'
    response = HttpResponse(page.zipped if zipped else page.body, headers={**HEADERS, "ETag": etag})
    if zipped:
        response.headers["Content-Encoding"] = "gzip"
    if "HTTP_IF_NONE_MATCH" not in request.META:
        return response
    conditional = get_conditional_response(request, etag=etag, response=response)
    assert isinstance(conditional, HttpResponse)
    return conditional
