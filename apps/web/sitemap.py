"""What search engines may list: the public pages, and every product on sale."""

from django.contrib.sitemaps import Sitemap
from django.db.models import QuerySet
from django.urls import reverse

from apps.ecommerce.models import ProductConfiguration


class PagesSitemap(Sitemap):
    def items(self) -> list[str]:
        return ["home", "store", "terms", "privacy", "refunds"]

    def location(self, item: str) -> str:
        return reverse(item)


class ProductsSitemap(Sitemap):
    def items(self) -> QuerySet[ProductConfiguration]:
        return ProductConfiguration.objects.on_sale()


SITEMAPS: dict[str, type[Sitemap] | Sitemap] = {"pages": PagesSitemap, "products": ProductsSitemap}
