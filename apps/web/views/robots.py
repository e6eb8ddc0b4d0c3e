from django.conf import settings
from django.contrib.sitemaps import views as sitemap_views
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
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
@sitemap_views.x_robots_tag
def sitemap(request: HttpRequest) -> HttpResponse:
    # Django's view takes the host from the first row of django.contrib.sites, if a shop has added that app.
    parts = []
    for name, part in SITEMAPS.items():
        sitemap = part() if callable(part) else part
        url = f"{settings.SITE_URL}{reverse('sitemap_part', args=[name])}"
        urls = [url, *(f"{url}?p={page}" for page in sitemap.paginator.page_range[1:])]
        last_mod = sitemap.get_latest_lastmod()
        parts += [{"location": location, "last_mod": last_mod} for location in urls]
    context, public_request = {"sitemaps": parts}, PublicRequest(request, {})
    return render(public_request, "web/sitemap_index.xml", context, content_type="application/xml")


@require_safe
@cache_control(public=True, max_age=3600)
def sitemap_part(request: HttpRequest, section: str) -> HttpResponse:
    public_request = PublicRequest(request, {"p": request.GET.get("p", "1")})
    return sitemap_views.sitemap(public_request, SITEMAPS, section=section, template_name="web/sitemap.xml")
