"""Each product's place in the store: a ProductConfiguration, made once and the founder's from then on."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from django.db.models import Max

from apps.core import page_cache
from apps.prepared import Insert, in_batches, write_each

from .catalogue_report import failure, printable
from .catalogue_rows import MAX_INTEGER, clean_line
from .listing import refresh_listing, renew
from .models import Product, ProductConfiguration
from .slugs import choose_slugs

MAX_TAGLINE = ProductConfiguration._meta.get_field("tagline").max_length
TRIES = 3  # another process may take a slug between our look and our write
_insert = Insert(ProductConfiguration)


def place_products(product_ids: Collection[str] | None = None) -> list[str]:
    """Update the configuration of every product (or of these), and create the missing ones.

    Return what could not be saved, with the reason.
    """
    failures = refresh_listing(product_ids)
    refused: list[str] = []
    for _try in range(TRIES):
        if not (ids := _without_place(product_ids)):
            return failures
        refused = [line for batch in in_batches(ids) for line in _place(batch)]
    unplaced = [f"{printable(key)}: no slug was free" for key in _without_place(product_ids)]
    return failures + (refused or unplaced)


def _without_place(product_ids: Collection[str] | None) -> list[str]:
    """Ids of products, in the order in which Stripe lists them."""
    products = Product.objects.filter(configuration=None).order_by("synced_at", "id")
    if product_ids is not None:
        products = products.filter(id__in=product_ids)
    return list(products.values_list("id", flat=True))


def _place(ids: Sequence[str]) -> list[str]:
    """Create a ProductConfiguration for each product, after the existing ones, with a unique slug."""
    products = list(Product.objects.filter(id__in=ids).order_by("synced_at", "id").prefetch_related("prices"))
    last = ProductConfiguration.objects.aggregate(last=Max("position"))["last"] or 0
    slugs, rows, failures = choose_slugs(products), [], []
    for position, product in enumerate(products, start=last + 1):
        row = ProductConfiguration(
            product=product, slug=slugs[product.id], position=min(position, MAX_INTEGER)
        )
        row.tagline = clean_line(product.metadata.get("tagline"))[:MAX_TAGLINE]
        renew(row)
        rows.append(row)
    failures = [failure(row.product, error) for row, error in write_each(_insert, rows)]
    page_cache.invalidate()
    return failures
