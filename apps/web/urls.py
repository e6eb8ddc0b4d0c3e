from django.conf import settings
from django.urls import path

from apps.core.views import readyz
from apps.web.views import assets, media, pages, preferences, robots

urlpatterns = [
    path("", pages.home, name="home"),
    path("terms/", pages.legal, {"page": "terms"}, name="terms"),
    path("privacy/", pages.legal, {"page": "privacy"}, name="privacy"),
    path("refunds/", pages.legal, {"page": "refunds"}, name="refunds"),
    path("language/", preferences.language, name="language"),
    path("theme/", preferences.theme, name="theme"),
    path("style/<slug:digest>.css", assets.css, name="stylesheet"),
    path("art/<slug:seed>.svg", assets.art, name="art"),
    path("manifest.webmanifest", assets.manifest, name="manifest"),
    path("media/<path:name>", media.media, name="media"),
    path("readyz", readyz, name="readyz"),
    path("robots.txt", robots.robots, name="robots"),
    path("sitemap.xml", robots.sitemap, name="sitemap"),
    path("sitemap-<slug:section>.xml", robots.sitemap_part, name="sitemap_part"),
]

if settings.METRICS_TOKEN:
    from apps.ecommerce.views import metrics  # needs django-prometheus, which is optional

    urlpatterns += [path("metrics", metrics.metrics, name="metrics")]
