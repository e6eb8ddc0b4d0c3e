"""Cache public pages until their data changes.

Pages are rendered from a PublicRequest and served only to visitors without cookies, except language and theme. For all
other requests the view runs as usual, and its response is not cached.
"""

from collections.abc import Callable
from functools import wraps
from gzip import compress, decompress
from hashlib import sha256
from typing import Any, TypeVar
from urllib.parse import urlencode
from uuid import uuid4

from django.conf import settings
from django.core.cache import caches
from django.db import models, transaction
from django.db.models.signals import post_delete, post_save
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.response import SimpleTemplateResponse
from django.utils import timezone
from django.utils.cache import get_conditional_response, patch_cache_control
from django.utils.translation import get_language

from apps.core.public_query import Normalize, normalize_query
from apps.core.public_request import PublicRequest, is_public
from apps.core.theme import chosen_theme

MAX_AGE_SECONDS = 300  # in case a process ends between its commit and `invalidate`
VERSION_KEY = "version"
PAGE_HEADERS = {"Content-Type": "text/html; charset=utf-8"}
CACHED_HEADERS = {"Cache-Control": "no-cache", "Vary": "Cookie, Accept-Language, Accept-Encoding"}

View = Callable[..., HttpResponseBase]
Page = tuple[bytes, str]  # compressed content and ETag
Data = TypeVar("Data")


def cache_public_page(**parameters: Normalize) -> Callable[[View], View]:
    """Decorate a view whose page is the same for all visitors.

    `parameters` maps the query parameters of the view to functions that return the normalized value, "" for the
    default, or None if the page with this value is not cached. Other parameters bypass the cache.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def wrapper(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
            query = normalize_query(request.GET, parameters) if is_public(request) else None
            response = None if query is None else _get_or_render(view, request, query, kwargs)
            return response or _make_private(view(request, **kwargs))

        return wrapper

    return decorate


def public_data(key: str, load: Callable[[], Data]) -> Data:
    """Return what `load` returns, cached like a page. It must be the same for all visitors."""
    if settings.DEBUG:
        return load()
    cache_key = f"data-{sha256(f'{current_version()} {key}'.encode()).hexdigest()}"
    try:
        data: Data | None = caches["pages"].get(cache_key)
    except Exception:  # pickled by another release, whose class differed
        data = None
    if data is None:
        data = load()
        caches["pages"].set(cache_key, data, MAX_AGE_SECONDS)
    return data


def invalidate(**signal: object) -> None:
    """Drop all cached pages of all processes after the commit of the current transaction."""
    transaction.on_commit(drop_pages)


def drop_pages() -> None:
    """Drop all cached pages of all processes now."""
    caches["pages"].set(VERSION_KEY, uuid4().hex, None)


def invalidate_on(*senders: type[models.Model]) -> None:
    # Bulk operations send no signal: call `invalidate` after them.
    for sender in senders:
        post_save.connect(invalidate, sender=sender)
        post_delete.connect(invalidate, sender=sender)


def current_version() -> str:
    """Return the version that is part of all cache keys. While the cache is unreachable each call returns a new one."""
    return str(caches["pages"].get_or_set(VERSION_KEY, lambda: uuid4().hex, None))


def _get_or_render(
    view: View, request: HttpRequest, query: dict[str, str], kwargs: dict[str, Any]
) -> HttpResponseBase | None:
    """Return the cached or rendered page. Return None if the view used the session, a message, a token or a cookie."""
    # Read the version first: if data changes during rendering, the page is stored for the previous version.
    version = "" if settings.DEBUG else current_version()
    url = (settings.SITE_URL, request.path, urlencode(query))
    key = sha256(repr((version, *url, get_language(), chosen_theme(request))).encode()).hexdigest()
    page: Page | None = caches["pages"].get(key) if version else None
    if page is None:
        public_request = PublicRequest(request, query)
        with timezone.override(None):  # a middleware can activate the visitor's time zone
            response = view(public_request, **kwargs)
            if isinstance(response, SimpleTemplateResponse):
                response.render()
        if public_request.is_personal() or response.cookies or response.has_header("Vary"):
            return None
        is_page = response.status_code == 200 and dict(response.items()) == PAGE_HEADERS
        if not is_page or not isinstance(response, HttpResponse):
            return _make_private(response)
        page = compress(response.content, mtime=0), sha256(response.content).hexdigest()[:32]
        if version:
            caches["pages"].set(key, page, MAX_AGE_SECONDS)
    return _respond(request, *page)


def _make_private(response: HttpResponseBase) -> HttpResponseBase:
    patch_cache_control(response, private=True, no_store=True)
    return response


def _respond(request: HttpRequest, compressed: bytes, etag: str) -> HttpResponseBase:
    # The ETag of the compressed page must differ: https://www.rfc-editor.org/rfc/rfc9110#section-8.8.3
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        etag, content, encoding = f'"{etag}-gzip"', compressed, {"Content-Encoding": "gzip"}
    else:
        etag, content, encoding = f'"{etag}"', decompress(compressed), {}
    response = HttpResponse(content, headers={**CACHED_HEADERS, **encoding, "ETag": etag})
    return get_conditional_response(request, etag=etag, response=response) or response
