"""Cache public pages until the data that they show changes.

A page is rendered from a PublicRequest, which contains nothing of the visitor, and served only to visitors without
cookies other than language and theme. For all other requests the view runs as usual, and its page is not cached.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from functools import wraps
from gzip import compress, decompress
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from django.conf import settings
from django.core.cache import caches
from django.db import models, transaction
from django.db.models.signals import post_delete, post_save
from django.http import HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.template.response import SimpleTemplateResponse
from django.utils import timezone
from django.utils.cache import get_conditional_response, patch_cache_control

from apps.core.public_request import PublicRequest, is_public, language
from apps.core.theme import chosen_theme

# The longest that a page stays stale if a process ends between its commit and `invalidate`.
MAX_AGE_SECONDS = 300
VERSION_KEY = "version"
PLAIN = {("Content-Type", "text/html; charset=utf-8")}
HEADERS = {"Cache-Control": "no-cache", "Vary": "Cookie, Accept-Language, Accept-Encoding"}
# Advertisers and newsletters append these parameters to links. No view reads them.
MARKETING_PARAMETERS = re.compile(
    r"utm_\w+|gclid|gclsrc|gbraid|wbraid|dclid|gad_source|gad_campaignid|srsltid|_gl"
    r"|fbclid|igshid|msclkid|ttclid|twclid|li_fat_id|yclid|epik|mc_cid|mc_eid|_hsenc|_hsmi"
)

View = Callable[..., HttpResponseBase]
Normalize = Callable[[str], str | None]


def cache_public_page(**parameters: Normalize) -> Callable[[View], View]:
    """Decorate a view whose page is the same for all visitors.

    `parameters` names the query parameters that the view reads, each with a function that returns the value in its one
    form, "" for the default, or None if the page with this value is not cached. Other parameters bypass the cache.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            query = _known_parameters(request.GET, parameters) if is_public(request) else None
            response = None
            if query is not None:
                response = _public_response(request, query, lambda public: view(public, *args, **kwargs))
            return response or _private(view(request, *args, **kwargs))

        return wrapper

    return decorate


def one_of(choices: Collection[str]) -> Normalize:
    return lambda value: value if value in choices else ""


def invalidate() -> None:
    """Drop all cached pages, for every process, when the current transaction is committed."""
    transaction.on_commit(lambda: caches["pages"].set(VERSION_KEY, uuid4().hex, None))


def invalidate_on(*senders: type[models.Model]) -> None:
    """Call `invalidate` whenever an object of these models is saved or deleted. Bulk operations send no signal."""
    for sender in senders:
        for signal in (post_save, post_delete):
            signal.connect(_invalidate, sender=sender, dispatch_uid=f"page cache of {sender._meta.label}")


def current_version() -> str:
    """Return the version of the data on public pages; "" if the cache is unreachable, and nothing can be cached."""
    pages = caches["pages"]
    return (
        pages.get(VERSION_KEY) or (pages.add(VERSION_KEY, uuid4().hex, None) and pages.get(VERSION_KEY)) or ""
    )


def _invalidate(**signal: object) -> None:
    invalidate()


def _known_parameters(query: QueryDict, parameters: Mapping[str, Normalize]) -> dict[str, str] | None:
    """Return the parameters in one form and order, without defaults; None if the page is not cached."""
    found: dict[str, str] = {}
    for name, values in query.lists():
        if name in parameters and len(values) == 1:
            value = parameters[name](values[0])
            if value is None:
                return None
            found[name] = value
        elif name in parameters or not MARKETING_PARAMETERS.fullmatch(name):
            return None
    return {name: found[name] for name in parameters if found.get(name)}


def _public_response(request: HttpRequest, query: dict[str, str], view: View) -> HttpResponseBase | None:
    """Return the page from the cache, or render it; None if it is for one person and not public."""
    # The version is read before rendering: a change in the meantime makes this page stale.
    version = "" if settings.DEBUG else current_version()
    parts = (version, settings.SITE_URL, request.path, urlencode(query), language(), chosen_theme(request))
    key = sha256(repr(parts).encode()).hexdigest()
    page: tuple[bytes, str] | None = caches["pages"].get(key) if version else None
    if page is None:
        public = PublicRequest(request, query)
        with timezone.override(None):  # a middleware may have activated a visitor's
            response = view(public)
            if isinstance(response, SimpleTemplateResponse):
                response.render()
        if public.is_personal() or response.cookies or response.has_header("Vary"):
            return None
        # A response with other headers says itself how it may be cached.
        if (
            not isinstance(response, HttpResponse)
            or response.status_code != 200
            or set(response.items()) != PLAIN
        ):
            return _private(response)
        page = compress(response.content, mtime=0), sha256(response.content).hexdigest()[:32]
        if version:
            caches["pages"].set(key, page, MAX_AGE_SECONDS)
    return _conditional_response(request, *page)


def _private(response: HttpResponseBase) -> HttpResponseBase:
    patch_cache_control(response, private=True, no_store=True)
    return response


def _conditional_response(request: HttpRequest, compressed: bytes, etag: str) -> HttpResponseBase:
    """https://www.rfc-editor.org/rfc/rfc9110#section-13"""
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        etag = f'"{etag}-gzip"'
        response = HttpResponse(compressed, headers={**HEADERS, "ETag": etag, "Content-Encoding": "gzip"})
    else:
        etag = f'"{etag}"'
        response = HttpResponse(decompress(compressed), headers={**HEADERS, "ETag": etag})
    conditional = get_conditional_response(request, etag=etag, response=response)
    return conditional or response
