from django.conf import settings
from django.urls import path

from apps.web.views import (
    assets,
    mailbox,
    media,
    monitoring,
    pages,
    preferences,
    robots,
    style,
)

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
    path("dev/style/", style.style, name="dev_style"),
    path("readyz", monitoring.readyz, name="readyz"),
    path("robots.txt", robots.robots, name="robots"),
    path("sitemap.xml", robots.sitemap, name="sitemap"),
    path("sitemap-<slug:section>.xml", robots.sitemap_part, name="sitemap_part"),
    path("dev/mail/", mailbox.inbox, name="dev_mail"),
    path("dev/mail/previews/", mailbox.previews, name="dev_mail_previews"),
    path("dev/mail/previews/<slug:kind>/html/", mailbox.preview_html, name="dev_mail_preview_html"),
    path("dev/mail/<slug:name>/", mailbox.letter, name="dev_mail_letter"),
    path("dev/mail/<slug:name>/html/", mailbox.letter_html, name="dev_mail_letter_html"),
]

if settings.METRICS_TOKEN:
    from apps.web.views import metrics  # needs django-prometheus, which is optional

    urlpatterns += [path("metrics", metrics.metrics, name="metrics")]
