from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.templatetags.static import static
from django.utils.cache import patch_cache_control
from django.views.decorators.cache import cache_control
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from apps.core.design_tokens import resolve_token
from apps.core.stylesheet import stylesheet
from apps.ecommerce.artwork import draw

YEAR_SECONDS = 365 * 24 * 3600
ICONS = [
    {"src": "brand/icon-192.png", "sizes": "192x192", "purpose": "any"},
    {"src": "brand/icon-512.png", "sizes": "512x512", "purpose": "any"},
    {"src": "brand/icon-maskable-512.png", "sizes": "512x512", "purpose": "maskable"},
]


@require_safe
@gzip_page
def css(request: HttpRequest, digest: str) -> HttpResponse:
    """Return the current stylesheet. Browsers cache it only if the digest is current."""
    current_digest, text = stylesheet()
    response = HttpResponse(text, content_type="text/css; charset=utf-8")
    if digest == current_digest:
        patch_cache_control(response, public=True, max_age=YEAR_SECONDS, immutable=True)
    else:
        patch_cache_control(response, no_cache=True)
    return response


# https://www.w3.org/TR/appmanifest/
@require_safe
@cache_control(public=True, max_age=3600)
def manifest(request: HttpRequest) -> JsonResponse:
    page_color = resolve_token("--color-page", "light")
    data = {
        "name": settings.SITE_NAME,
        "short_name": settings.SITE_NAME,
        "description": settings.SITE_TAGLINE,
        "id": "/",
        "start_url": "/",
        "display": "minimal-ui",
        "background_color": page_color,
        "theme_color": page_color,
        "icons": [{**icon, "src": static(icon["src"]), "type": "image/png"} for icon in ICONS],
    }
    return JsonResponse(data, content_type="application/manifest+json")


@require_safe
@cache_control(public=True, max_age=YEAR_SECONDS, immutable=True)
def art(request: HttpRequest, seed: str) -> HttpResponse:
    """Return a drawing for a product without an image. The same seed always gets the same drawing."""
    return HttpResponse(draw(seed), content_type="image/svg+xml")
