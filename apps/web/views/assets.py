"""What the browser may keep: the stylesheet and drawn artwork."""

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_cache_control
from django.views.decorators.cache import cache_control
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from apps.web.artwork import draw
from apps.web.stylesheet import stylesheet

YEAR = 365 * 24 * 60 * 60


@require_safe
@gzip_page
def css(request: HttpRequest, digest: str) -> HttpResponse:
    """The whole design. A page from before a deployment asks for the old one and gets today's, for now."""
    current, text = stylesheet()
    response = HttpResponse(text, content_type="text/css; charset=utf-8")
    if digest == current:
        patch_cache_control(response, public=True, max_age=YEAR, immutable=True)
    else:
        patch_cache_control(response, no_cache=True)
    return response


@require_safe
@cache_control(public=True, max_age=YEAR, immutable=True)
def art(request: HttpRequest, seed: str) -> HttpResponse:
    """Generated artwork for a product without an image. The same seed always draws the same picture."""
    return HttpResponse(draw(seed), content_type="image/svg+xml")
