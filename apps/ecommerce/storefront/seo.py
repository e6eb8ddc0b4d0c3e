"""What search engines are told of a product in their own words: name, pictures, and an offer for each price.

https://schema.org/Product, https://developers.google.com/search/docs/appearance/structured-data/product
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from apps.core.site_urls import absolute_url
from apps.ecommerce.models import Price, ProductConfiguration
from apps.ecommerce.money import to_major
from apps.ecommerce.storefront.price_options import price_name

# UN/CEFACT's codes of units, and ISO 8601's letters, for Stripe's intervals.
UNITS = {"day": ("DAY", "D"), "week": ("WEE", "W"), "month": ("MON", "M"), "year": ("ANN", "Y")}


def product_data(configuration: ProductConfiguration) -> dict[str, Any]:
    """A product on sale, and the way to it. Amounts are in major units: "19.00", "500" yen, "1.250" dinars."""
    return {"@context": "https://schema.org", "@graph": [_product(configuration), _way(configuration)]}


def images_of(configuration: ProductConfiguration) -> list[str]:
    """Return the absolute URLs of its photos, or of its drawn picture if it has none."""
    product = configuration.product
    photos = [picture.src for picture in product.pictures if picture.widths]
    return [absolute_url(url) for url in photos or [product.picture.src]]


def _product(configuration: ProductConfiguration) -> dict[str, Any]:
    product = configuration.product
    address = absolute_url(configuration.get_absolute_url())
    data: dict[str, Any] = {
        "@type": "Product",
        "@id": f"{address}#product",
        "name": product.name,
        "url": address,
        "sku": product.id,
        "image": images_of(configuration),
    }
    if configuration.summary:
        data["description"] = configuration.summary
    if offers := [_offer(price, address) for price in configuration.prices]:
        data["offers"] = offers
    return data


def _offer(price: Price, address: str) -> dict[str, Any]:
    cost = {
        "price": f"{to_major(price.unit_amount or 0, price.currency):f}",
        "priceCurrency": price.currency.upper(),
    }
    offer: dict[str, Any] = {
        "@type": "Offer",
        "name": price_name(price),
        "url": f"{address}?{urlencode({'price': price.id})}",
        "availability": "https://schema.org/InStock",
        "seller": {"@type": "Organization", "name": settings.SITE_NAME},
        **cost,
    }
    if price.is_recurring and price.interval in UNITS:
        unit, letter = UNITS[price.interval]
        offer["priceSpecification"] = {
            "@type": "UnitPriceSpecification",
            "unitCode": unit,
            "billingIncrement": price.interval_count,
            "billingDuration": f"P{price.interval_count}{letter}",
            **cost,
        }
    return offer


def _way(configuration: ProductConfiguration) -> dict[str, Any]:
    steps = [
        (settings.SITE_NAME, reverse("home")),
        (_("Store"), reverse("store")),
        (configuration.product.name, configuration.get_absolute_url()),
    ]
    return {
        "@type": "BreadcrumbList",
        "itemListElement": [
            {"@type": "ListItem", "position": number, "name": name, "item": absolute_url(path)}
            for number, (name, path) in enumerate(steps, start=1)
        ],
    }
