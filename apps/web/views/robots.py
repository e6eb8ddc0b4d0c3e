from django.conf import settings
from django.contrib.sitemaps import views as sitemap_views
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from apps.core.public_request import PublicRequest
from apps.web.sitemap import SITEMAPS

# Shared caches may store these responses, so they are rendered from a PublicRequest.


@require_safe
@cache_control(public=True, max_age=3600)
def robots(request: HttpRequest) -> HttpResponse:
    text = f"User-agent: *\nDisallow:\n\nSitemap: {settings.SITE_URL}{reverse('sitemap')}\n"
    return HttpResponse(text, content_type="text/plain")


@require_safe
@cache_control(public=True, max_age=3600)
def sitemap(request: HttpRequest) -> HttpResponse:
    return sitemap_views.index(
        PublicRequest(request, {}),
        SITEMAPS,
        template_name="web/sitemap_index.xml",
        sitemap_url_name="sitemap_part",
    )


@require_safe
@cache_control(public=True, max_age=3600)
def sitemap_part(request: HttpRequest, section: str) -> HttpResponse:
    public_request = PublicRequest(request, {"p": request.GET.get("p", "1")})
    return sitemap_views.sitemap(public_request, SITEMAPS, section=section, template_name="web/sitemap.xml")
