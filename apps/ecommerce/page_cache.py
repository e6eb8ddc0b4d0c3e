"""Pages that are the same for every visitor are made once, and again the moment the catalogue has changed.

A visitor is whoever brings no session and no message. Such a page has no form token, no name and no greeting in it;
it differs by address, language and colours only. Whatever else an address carries (utm_… and the like) is taken off
before the page is made, so nothing of one visitor can be in another's page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial, wraps
from gzip import compress
from hashlib import sha256
from typing import Concatenate, ParamSpec

from django.conf import settings
from django.core.cache import caches
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.cache import get_conditional_response, patch_cache_control
from django.utils.translation import get_language

from apps.web import theme
from apps.web.pieces import Own, cut, join

from . import catalogue_version

SECONDS = 300  # at most: should a process die between its commit and the new stamp, this heals it
HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-cache",
    "Vary": "Cookie, Accept-Language, Accept-Encoding",
}
LONGEST = 20  # letters of a parameter's value; more is nobody's page number

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]
# What the pieces of a page are about ▶ how this person sees some of them (pieces.join).
Exceptions = Callable[[HttpRequest, list[str]], Mapping[str, Own]]


@dataclass(frozen=True, slots=True)
class Page:
    body: bytes
    zipped: bytes
    etag: str


def for_everybody(
    *kept: str, fresh: tuple[str, ...] = (), exceptions: Exceptions | None = None
) -> Callable[[View[P]], View[P]]:
    """Decorates a view whose page is the same for all visitors. GET and HEAD only.

    `kept` names the parameters that choose among few pages; one of `fresh` (a search) makes a page that is not kept,
    so that nobody can fill the cache with words. Others are taken off. Signed-in people get their own page, which
    nobody else may keep: made anew, or, if the view tells its `exceptions`, put together from the pieces that
    everybody sees and what is theirs.
    """

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def wrapper(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            if {settings.SESSION_COOKIE_NAME, settings.MESSAGES_COOKIE_NAME} & request.COOKIES.keys():
                own = partial(view, request, *args, **kwargs)
                response = _own_page(request, own, kept, fresh, exceptions) if exceptions else own()
                patch_cache_control(response, private=True, no_store=True)
                return response
            _tidy(request, (*fresh, *kept))
            key = _key(request, fresh)
            page = caches["pages"].get(key) if key else None
            if page is None:
                response = view(request, *args, **kwargs)
                if not _is_everybodys(request, response):
                    return response
                page = _page(response.content)
                if key:
                    caches["pages"].set(key, page, SECONDS)
            return _answer(request, page)

        return wrapper

    return decorate


def _own_page(
    request: HttpRequest,
    view: Callable[[], HttpResponse],
    kept: tuple[str, ...],
    fresh: tuple[str, ...],
    exceptions: Exceptions,
) -> HttpResponse:
    """A signed-in person's page, of pieces made for anybody: nothing in them can be somebody else's."""
    if not request.user.is_authenticated:
        return view()
    _tidy(request, (*fresh, *kept))
    key = _key(request, fresh)
    if not key:
        return view()
    page = caches["pages"].get(f"{key}-pieces")
    if page is None:
        page = cut(request, view)
        if page is None:
            return view()
        caches["pages"].set(f"{key}-pieces", page, SECONDS)
    shown = [piece.about for piece in page.pieces if piece.about]
    return HttpResponse(join(request, page, exceptions(request, shown)))


def _tidy(request: HttpRequest, names: tuple[str, ...]) -> None:
    """Leaves of the address what the page knows, in one order."""
    if not request.META.get("QUERY_STRING"):
        return
    query = QueryDict(mutable=True)
    for name in names:
        if value := request.GET.get(name):
            query[name] = value
    request.GET = query  # type: ignore[assignment]  # a mutable one says as much
    request.META["QUERY_STRING"] = query.urlencode()


def _key(request: HttpRequest, fresh: tuple[str, ...]) -> str | None:
    """None where nothing may be kept: for a search, while templates are being written, or without a stamp."""
    unfit = any(name in fresh or len(value) > LONGEST for name, value in request.GET.items())
    if settings.DEBUG or unfit:
        return None
    stamp = catalogue_version.current()  # before the page is made: what changes meanwhile makes it an old one
    if not stamp:
        return None
    query = request.META.get("QUERY_STRING", "")
    parts = (stamp, request.path, query, get_language() or "", theme.chosen(request))
    return sha256("\0".join(parts).encode()).hexdigest()


def _is_everybodys(request: HttpRequest, response: HttpResponse) -> bool:
    """Only a whole page, and only if making it has not made this visitor known."""
    known = response.cookies or request.META.get("CSRF_COOKIE_NEEDS_UPDATE") or not request.session.is_empty()
    return response.status_code == 200 and not known


def _page(body: bytes) -> Page:
    return Page(body, compress(body, 6, mtime=0), sha256(body).hexdigest()[:32])


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
