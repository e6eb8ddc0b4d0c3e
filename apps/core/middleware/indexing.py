"""What strangers may list and keep: nothing but what stands here.

A new page is neither found by search engines nor kept by anybody between us and its reader, until its name is added.
robots.txt forbids nothing: a page that must not be fetched can't say that it must not be listed.
https://developers.google.com/search/docs/crawling-indexing/block-indexing
"""

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.cache import patch_cache_control

PAGES = frozenset({"home", "store", "product", "terms", "privacy", "refunds"})
PICTURES = frozenset({"media", "art"})


def is_indexed(request: HttpRequest) -> bool:
    """A page for everybody, which says what it is in its head (templates/web/_meta.html)."""
    return _name(request) in PAGES


def private_by_default(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[..., HttpResponseBase]:
    """Middleware. What a view says of caching itself, stands."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if _name(request) not in PAGES | PICTURES:
            response.headers.setdefault("X-Robots-Tag", "noindex")
        if not response.has_header("Cache-Control"):
            patch_cache_control(response, private=True, no_store=True)
        return response

    return middleware


def _name(request: HttpRequest) -> str:
    match = request.resolver_match
    return match.view_name if match else ""
