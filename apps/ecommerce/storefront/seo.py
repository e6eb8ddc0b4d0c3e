"""Structured data about products for search engines. https://schema.org/Product

https://developers.google.com/search/docs/appearance/structured-data/product
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from apps.core.site_urls import absolute_url
from apps.ecommerce.models import Price, ProductConfiguration
from apps.ecommerce.money import to_major
from apps.ecommerce.storefront.price_options import currency_choices, price_name

# Stripe's interval ▶ UN/CEFACT unit code, letter of an ISO 8601 duration.
UNITS = {"day": ("DAY", "D"), "week": ("WEE", "W"), "month": ("MON", "M"), "year": ("ANN", "Y")}


def structured_data(configuration: ProductConfiguration) -> dict[str, Any]:
    """Return the JSON-LD of a product. Amounts are in major units: "19.00", "500" yen, "1.250" dinars."""
    return {
        "@context": "https://schema.org",
        "@graph": [_product(configuration), _breadcrumbs(configuration)],
    }


def image_urls(configuration: ProductConfiguration) -> list[str]:
    product = configuration.product
    photos = [picture.src for picture in product.pictures if picture.widths]
    return [absolute_url(url) for url in photos or [product.picture.src]]


def _product(configuration: ProductConfiguration) -> dict[str, Any]:
    url = absolute_url(configuration.get_absolute_url())
    data: dict[str, Any] = {
        "@type": "Product",
        "@id": f"{url}#product",
        "name": configuration.product.name,
        "url": url,
        "sku": configuration.product.id,
        "image": image_urls(configuration),
    }
    if configuration.summary:
        data["description"] = configuration.summary
    if offers := [_offer(price, code, url) for price, code in _offered(configuration.prices)]:
        data["offers"] = offers
    return data


def _offered(prices: Sequence[Price]) -> list[tuple[Price, str]]:
    """Return each price with the currencies that the page offers, without amounts whose minimum is unknown."""
    choices = dict(currency_choices(prices))
    known = [row for row in prices if row.custom_minimum != 0]
    return [(row, code) for row in known for code in row.amounts if code == row.currency or code in choices]


def _offer(price: Price, currency: str, product_url: str) -> dict[str, Any]:
    """Return the offer in one of the price's currencies. The price of pay what you want is its minimum."""
    amount = {
        "price": f"{to_major(price.amounts[currency], currency):f}",
        "priceCurrency": currency.upper(),
    }
    choice = {"price": price.id} | ({"currency": currency} if currency != price.currency else {})
    offer: dict[str, Any] = {
        "@type": "Offer",
        "name": price_name(price),
        "url": f"{product_url}?{urlencode(choice)}",
        "availability": "https://schema.org/InStock",
        "seller": {"@type": "Organization", "name": settings.SITE_NAME},
        **amount,
    }
    if price.is_custom:
        limits = {"minPrice": price.custom_minimum, "maxPrice": price.custom_maximum}
        offer["priceSpecification"] = {
            "@type": "PriceSpecification",
            **{name: f"{to_major(limit, currency):f}" for name, limit in limits.items() if limit},
            "priceCurrency": currency.upper(),
        }
    if price.is_recurring and price.interval in UNITS:
        unit, letter = UNITS[price.interval]
        offer["priceSpecification"] = {
            "@type": "UnitPriceSpecification",
            "unitCode": unit,
            "billingIncrement": price.interval_count,
            "billingDuration": f"P{price.interval_count}{letter}",
            **amount,
        }
    return offer


def _breadcrumbs(configuration: ProductConfiguration) -> dict[str, Any]:
    links = [
        (settings.SITE_NAME, reverse("home")),
        (_("Store"), reverse("store")),
        (configuration.product.name, configuration.get_absolute_url()),
    ]
    return {
        "@type": "BreadcrumbList",
        "itemListElement": [
            {"@type": "ListItem", "position": number, "name": name, "item": absolute_url(path)}
            for number, (name, path) in enumerate(links, start=1)
        ],
    }
