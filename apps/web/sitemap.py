from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.sitemaps import Sitemap
from django.db.models import Max, QuerySet
from django.urls import NoReverseMatch, resolve, reverse

from apps.ecommerce.models import ProductConfiguration
from apps.ecommerce.storefront.seo import image_urls


class SiteSitemap(Sitemap):
    def get_domain(self, site: Any = None) -> str:
        return urlsplit(settings.SITE_URL).netloc  # overrides django.contrib.sites, if it is installed


class PagesSitemap(SiteSitemap):
    def items(self) -> list[str]:
        return [name for name in settings.INDEXED_PAGES if _is_single_page(name)]

    def location(self, item: str) -> str:
        return reverse(item)


class ProductsSitemap(SiteSitemap):
    limit = 5000  # 50,000 are allowed, but crawlers do not wait that long

    def items(self) -> QuerySet[ProductConfiguration]:
        if "product" not in settings.INDEXED_PAGES:
            return ProductConfiguration.objects.none()
        listed = ProductConfiguration.objects.filter(listed=True).select_related("product").order_by("id")
        return listed.only("slug", "changed_at", "pictures", "product__images", "product__copies")

    def lastmod(self, item: ProductConfiguration) -> datetime | None:
        return item.changed_at

    def get_latest_lastmod(self) -> datetime | None:
        latest: datetime | None = self.items().aggregate(latest=Max("changed_at"))["latest"]
        return latest

    def get_urls(self, *args: Any, **kwargs: Any) -> list[dict[str, Any]]:
        return [{**url, "images": image_urls(url["item"])} for url in super().get_urls(*args, **kwargs)]


def _is_single_page(name: str) -> bool:
    """Return False if the URL has arguments, or is the URL of another page in apps/shop."""
    try:
        return resolve(reverse(name)).view_name == name
    except NoReverseMatch:
        return False


SITEMAPS: dict[str, type[Sitemap] | Sitemap] = {"pages": PagesSitemap, "products": ProductsSitemap}
