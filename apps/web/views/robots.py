from django.conf import settings
from django.contrib.sitemaps import views as sitemap_views
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from apps.core.public_request import PublicRequest
from apps.web.sitemap import SITEMAPS


@require_safe
@cache_control(public=True, max_age=3600)
def robots(request: HttpRequest) -> HttpResponse:
    """Everything may be read; what may not be listed says so itself (apps/core/middleware/indexing.py)."""
    lines = ["User-agent: *", "Disallow:", "", f"Sitemap: {settings.SITE_URL}{reverse('sitemap')}", ""]
    return HttpResponse("\n".join(lines), content_type="text/plain")


@require_safe
@cache_control(public=True, max_age=3600)
def sitemap(request: HttpRequest) -> HttpResponse:
    """https://www.sitemaps.org/protocol.html#index"""
    parts = [
        (reverse("sitemap_part", args=[section]), page, lastmod)
        for section, site_map in SITEMAPS.items()
        for lastmod in [site_map.get_latest_lastmod()]
        for page in site_map.paginator.page_range
    ]
    shared = PublicRequest(request, {})  # caches may share the response
    return render(shared, "web/sitemap_index.xml", {"parts": parts}, content_type="application/xml")


@require_safe
@cache_control(public=True, max_age=3600)
def sitemap_part(request: HttpRequest, section: str) -> HttpResponse:
    shared = PublicRequest(request, {"p": request.GET.get("p", "1")})  # caches may share the response
    return sitemap_views.sitemap(shared, {**SITEMAPS}, section=section, template_name="web/sitemap.xml")
