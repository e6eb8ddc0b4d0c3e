"""The data of a product's page, which is the same for all visitors."""

from dataclasses import dataclass

from django.utils.safestring import SafeString
from django.utils.translation import get_language

from apps.core.page_cache import public_data
from apps.core.structured_data import render_json_ld
from apps.ecommerce.content.outline import Outline, public_outline
from apps.ecommerce.content.what_you_get import WhatYouGet, what_you_get
from apps.ecommerce.models import ProductConfiguration
from apps.ecommerce.storefront.seo import structured_data


@dataclass(frozen=True, slots=True)
class ProductPage:
    configuration: ProductConfiguration
    outline: Outline
    what_you_get: WhatYouGet
    json_ld: SafeString


def product_page(slug: str) -> ProductPage:
    """Return the page's data, cached until the catalogue changes. Raise ProductConfiguration.DoesNotExist."""
    return public_data(f"product {slug} {get_language()}", lambda: _load(slug))


def _load(slug: str) -> ProductPage:
    rows = ProductConfiguration.objects.with_catalogue().select_related("category").prefetch_related("faq")
    # The page shows no content for owners.
    configuration = rows.defer("content", "search_text").get(slug=slug)
    json_ld = render_json_ld(structured_data(configuration))
    return ProductPage(configuration, public_outline(configuration), what_you_get(configuration), json_ld)
