"""What search engines may list: the public pages, and every product on sale with its pictures.

Each part is read by itself and holds so many products at most, so a catalogue of any size costs the same to write down.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.sitemaps import Sitemap
from django.db.models import Max, QuerySet
from django.urls import reverse

from apps.ecommerce.models import ProductConfiguration
from apps.ecommerce.storefront.seo import image_urls


class ShopSitemap(Sitemap):
    """Addresses begin with SITE_URL, whatever host was asked."""

    def get_protocol(self, protocol: str | None = None) -> str:
        return str(settings.SITE_URL.partition("://")[0])

    def get_domain(self, site: Any = None) -> str:
        return str(settings.SITE_URL.partition("://")[2])


class PagesSitemap(ShopSitemap):
    def items(self) -> list[str]:
        return ["home", "store", "terms", "privacy", "refunds"]

    def location(self, item: str) -> str:
        return reverse(item)


class ProductsSitemap(ShopSitemap):
    limit = 5000  # 50,000 are allowed; a small file is written before anybody loses patience

    def items(self) -> QuerySet[ProductConfiguration]:
        rows = ProductConfiguration.objects.filter(listed=True).select_related("product").order_by("id")
        return rows.only("slug", "changed_at", "product__images", "product__copies")

    def lastmod(self, item: ProductConfiguration) -> datetime | None:
        return item.changed_at

    def get_latest_lastmod(self) -> datetime | None:
        latest: datetime | None = self.items().aggregate(latest=Max("changed_at"))["latest"]
        return latest

    def get_urls(self, *args: Any, **kwargs: Any) -> list[dict[str, Any]]:
        return [{**url, "images": image_urls(url["item"])} for url in super().get_urls(*args, **kwargs)]


SITEMAPS: Mapping[str, ShopSitemap] = {"pages": PagesSitemap(), "products": ProductsSitemap()}
