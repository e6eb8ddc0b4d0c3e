"""Allow search engines to index the views in INDEXED_PAGES and INDEXED_IMAGES only. robots.txt does not work for that.

https://developers.google.com/search/docs/crawling-indexing/block-indexing
"""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.cache import patch_cache_control

INDEXED_IMAGES = frozenset({"media", "art"})


def is_indexed(request: HttpRequest) -> bool:
    return _view_name(request) in settings.INDEXED_PAGES


def private_by_default(get_response: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if _view_name(request) not in INDEXED_IMAGES and not is_indexed(request):
            response.headers.setdefault("X-Robots-Tag", "noindex")
        if not response.has_header("Cache-Control"):
            patch_cache_control(response, private=True, no_store=True)
        return response

    return middleware


def _view_name(request: HttpRequest) -> str:
    return request.resolver_match.view_name if request.resolver_match else ""
