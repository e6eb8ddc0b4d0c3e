"""What browsers and phones draw of the shop outside its pages: icons, and the manifest of an installed site."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils.cache import patch_cache_control
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from apps.web import brand, favicons, share_image
from apps.web.views.assets import YEAR

DAY = 24 * 60 * 60
MANIFEST_ICONS = {"icon-192": "any", "icon-512": "any", "maskable-512": "maskable"}


@require_safe
def icon(request: HttpRequest, digest: str, name: str) -> HttpResponse:
    try:
        response = HttpResponse(favicons.png(name), content_type="image/png")
    except KeyError:
        raise Http404 from None
    _keep(response, digest == favicons.digest())
    return response


@require_safe
def share(request: HttpRequest, digest: str) -> HttpResponse:
    """What a link to the shop shows, where a product has no picture of its own. An old address gives today's."""
    response = HttpResponse(share_image.of_the_shop(), content_type="image/jpeg")
    _keep(response, digest == share_image.digest())
    response["Cross-Origin-Resource-Policy"] = "cross-origin"  # it is made to be shown elsewhere
    return response


@require_safe
@cache_control(public=True, max_age=DAY)
def favicon(request: HttpRequest) -> HttpResponse:
    return HttpResponse(favicons.ico(), content_type="image/x-icon")


@require_safe
@cache_control(public=True, max_age=3600)
def manifest(request: HttpRequest) -> HttpResponse:
    """https://www.w3.org/TR/appmanifest/"""
    digest = favicons.digest()
    words = {
        "name": settings.SITE_NAME,
        "short_name": settings.SITE_NAME,
        "description": settings.SITE_TAGLINE,
        "id": "/",
        "start_url": "/",
        "display": "minimal-ui",
        "background_color": brand.hex_of("--color-page", "light"),
        "theme_color": brand.hex_of("--color-page", "light"),
        "icons": [
            {
                "src": reverse("icon", args=[digest, name]),
                "sizes": "{0}x{0}".format(favicons.ICONS[name][0]),
                "type": "image/png",
                "purpose": purpose,
            }
            for name, purpose in MANIFEST_ICONS.items()
        ],
    }
    return JsonResponse(words, content_type="application/manifest+json")


def _keep(response: HttpResponse, current: bool) -> None:
    """For ever, under the address that follows what is in it."""
    if current:
        patch_cache_control(response, public=True, max_age=YEAR, immutable=True)
    else:
        patch_cache_control(response, no_cache=True)
