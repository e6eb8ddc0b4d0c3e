from collections.abc import Collection, Sequence

from django.db.models import Max, Prefetch

from apps.core import page_cache
from apps.ecommerce.catalogue.bulk import all_rows, in_batches, save_rows
from apps.ecommerce.catalogue.report import describe_failure
from apps.ecommerce.catalogue.rows import MAX_INTEGER, clean_line
from apps.ecommerce.catalogue.search_columns import refresh_search_columns, set_search_columns
from apps.ecommerce.catalogue.slugs import choose_slugs
from apps.ecommerce.models import Price, Product, ProductConfiguration

MAX_TAGLINE_LENGTH = ProductConfiguration._meta.get_field("tagline").max_length
MAX_TRIES = 3  # another process may take a slug first


def update_configurations(product_ids: Collection[str] | None = None) -> list[str]:
    """Create missing configurations and refresh existing ones, of these products or of all. Return the failures."""
    failures = refresh_search_columns(product_ids)
    products = all_rows(Product).filter(configuration=None).order_by("synced_at", "id")  # Stripe's order
    if product_ids is not None:
        products = products.filter(id__in=product_ids)
    not_created: list[str] = []
    for _try in range(MAX_TRIES):
        missing = list(products.values_list("id", flat=True))
        not_created = [line for batch in in_batches(missing) for line in _create_configurations(batch)]
        if not not_created:
            break
    page_cache.invalidate()
    return failures + not_created


def _create_configurations(product_ids: Sequence[str]) -> list[str]:
    products = all_rows(Product).filter(id__in=product_ids).order_by("synced_at", "id")
    products = products.prefetch_related(Prefetch("prices", Price._default_manager.using(products.db)))
    last = all_rows(ProductConfiguration).aggregate(last=Max("position"))["last"] or 0
    slugs = choose_slugs(list(products))
    rows = []
    for position, product in enumerate(products, start=last + 1):
        row = ProductConfiguration(
            product=product,
            slug=slugs[product.id],
            position=min(position, MAX_INTEGER),
            tagline=clean_line(product.metadata.get("tagline"))[:MAX_TAGLINE_LENGTH],
        )
        set_search_columns(row)
        rows.append(row)
    return [describe_failure(row.product, error) for row, error in save_rows(rows)]
