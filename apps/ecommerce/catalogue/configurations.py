from collections.abc import Collection, Sequence

from django.db.models import Max, Prefetch

from apps.core import page_cache
from apps.ecommerce.catalogue.bulk import all_rows, in_batches, save_rows
from apps.ecommerce.catalogue.report import Report, describe
from apps.ecommerce.catalogue.rows import MAX_INTEGER, clean_line
from apps.ecommerce.catalogue.search_columns import add_words, refresh_search_columns, set_search_columns
from apps.ecommerce.catalogue.slugs import choose_slugs
from apps.ecommerce.models import Price, Product, ProductConfiguration

MAX_TAGLINE_LENGTH = ProductConfiguration._meta.get_field("tagline").max_length
MAX_TRIES = 3  # another process may take a slug first


def update_configurations(report: Report, product_ids: Collection[str] | None = None) -> None:
    """Create missing configurations and refresh existing ones, of these products or of all."""
    refresh_search_columns(report, product_ids)
    # In the order of Stripe's list.
    products = all_rows(Product).filter(configuration=None).order_by("synced_at", "id")
    if product_ids is not None:
        products = products.filter(id__in=product_ids)
    if report.dry_run:
        report.added += map(describe, products)
        return
    attempt = Report()
    for _try in range(MAX_TRIES):
        attempt = Report()
        for batch in in_batches(list(products.values_list("id", flat=True))):
            _create_configurations(batch, attempt)
        if not attempt.not_saved:
            break
    report.not_saved += attempt.not_saved
    page_cache.invalidate()


def _create_configurations(product_ids: Sequence[str], report: Report) -> None:
    loaded = all_rows(Product).filter(id__in=product_ids).order_by("synced_at", "id")
    products = list(loaded.prefetch_related(Prefetch("prices", Price._default_manager.using(loaded.db))))
    last = all_rows(ProductConfiguration).aggregate(last=Max("position"))["last"] or 0
    slugs = choose_slugs(products, report)
    rows = []
    for position, product in enumerate(products, start=last + 1):
        if slug := slugs.get(product.id):  # choose_slugs has reported the others
            with report.isolate(product):
                rows.append(_build_configuration(product, slug, position))
    add_words(save_rows(rows, report))


def _build_configuration(product: Product, slug: str, position: int) -> ProductConfiguration:
    row = ProductConfiguration(
        product=product,
        slug=slug,
        position=min(position, MAX_INTEGER),
        tagline=clean_line(product.metadata.get("tagline"))[:MAX_TAGLINE_LENGTH],
    )
    set_search_columns(row)
    return row
