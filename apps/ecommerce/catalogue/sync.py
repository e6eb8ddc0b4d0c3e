"""Copy products and prices from Stripe: all of them (bootstrap_ecommerce), or one product after an event.

https://docs.stripe.com/api/products and https://docs.stripe.com/api/prices
"""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from datetime import datetime
from operator import attrgetter
from typing import Any

import stripe
from django.db import router, transaction
from django.utils import timezone

from apps.core import page_cache
from apps.ecommerce.catalogue.bulk import all_rows, save_rows, update_rows
from apps.ecommerce.catalogue.configurations import update_configurations
from apps.ecommerce.catalogue.image_download import MAX_SECONDS
from apps.ecommerce.catalogue.images import copy_images
from apps.ecommerce.catalogue.report import Report, describe
from apps.ecommerce.catalogue.rows import (
    FIELDS,
    SYNC_FIELDS,
    WRITTEN,
    RowT,
    build_rows,
    get_id,
    get_product_id,
)
from apps.ecommerce.catalogue.search_columns import refresh_rows, refresh_search_columns
from apps.ecommerce.models import Price, Product, ProductConfiguration, Purchase
from apps.ecommerce.stripe_api.client import StripeData, expanded, fetch, fetch_pages, is_missing


def sync_catalogue(*, dry_run: bool = False, progress: Callable[[str], None] = lambda line: None) -> Report:
    """Copy all active products and prices, and deactivate those that Stripe no longer lists.

    Safe to repeat and to interrupt. A row that fails is reported and keeps its last copy. Raise stripe.StripeError if a
    request fails, django.db.OperationalError if the database is unreachable.
    """
    report = Report(dry_run)
    if not dry_run:
        update_rows(list(all_rows(Price).exclude(refusal="")), report, refusal="")  # Stripe may sell them now
    try:
        _copy_all(report, progress)
    finally:
        update_configurations(report)
    return report


def sync_product(product_id: str) -> None:
    """Copy one product with its prices, or deactivate it if Stripe has deleted it.

    A price that fails keeps its last copy. If the product fails, nothing is written. Raise NotSaved in both cases,
    stripe.StripeError if a request fails.
    """
    fetched_at = timezone.now()
    item, prices = fetch_product(product_id)
    report = Report()
    try:
        if item is None:
            all_rows(Product).filter(id=product_id).update(active=False, synced_at=fetched_at)
            refresh_search_columns(report, [product_id])
        for product in build_rows(Product, [item], report, fetched_at) if item else []:
            _copy_product(
                product, build_rows(Price, prices, report, fetched_at), {*map(get_id, prices)}, report
            )
    finally:
        page_cache.invalidate()
    report.raise_if_failed()


def _copy_product(product: Product, prices: Sequence[Price], active_ids: set[str], report: Report) -> None:
    """`active_ids` are the ids of all active prices, valid or not."""
    _write_product(product, prices, active_ids, report)  # before the images, whose download takes longer
    known_copies = product.copies
    copy_images(product, known_copies, report, MAX_SECONDS)
    if product.copies != known_copies:
        _write_product(product, prices, active_ids, report, product.copies)


def _copy_all(report: Report, progress: Callable[[str], None]) -> None:
    started = timezone.now()
    listed: set[str] = set()  # including invalid objects, whose older copies stay for sale
    product_ids = {""}  # "" lets build_rows report prices without a product
    for products in fetch_pages("products", active=True):
        rows = build_rows(Product, products, report)
        _save_page(Product, rows, report)
        listed.update(map(get_id, products))
        product_ids.update(row.id for row in rows if report.dry_run)
        progress(f"{len(listed)} products")
    product_ids.update(all_rows(Product).values_list("id", flat=True))
    count = 0
    for prices in fetch_pages("prices", active=True, expand=["data.currency_options"]):
        known_prices = [price for price in prices if get_product_id(price) in product_ids]
        price_rows = build_rows(Price, known_prices, report)
        _save_page(Price, price_rows, report)
        listed.update(map(get_id, prices))
        count += len(price_rows)
        progress(f"{count} prices")
    _archive(Price, listed, started, report)
    _archive(Product, listed, started, report)
    if not report.dry_run:
        _name_archived_plans(report)


def _save_page(model: type[RowT], rows: Sequence[RowT], report: Report) -> None:
    known: dict[str, RowT] = all_rows(model).in_bulk([row.id for row in rows])
    ready: list[RowT] = []
    for row in rows:
        with report.isolate(row):
            if isinstance(row, Product) and not report.dry_run:
                before = known.get(row.id)
                copy_images(row, before.copies if before else {}, report)
            ready.append(row)
    _save(model, ready, known, report)


def _save(
    model: type[RowT], rows: Sequence[RowT], known: Mapping[str, RowT], report: Report
) -> dict[str, RowT]:
    """Upsert rows, except those that another process has fetched later. Return all current rows by id."""
    fresh: list[RowT] = []
    for row in rows:
        before = known.get(row.id)
        if before is None or before.synced_at <= row.synced_at:
            with report.isolate(row):
                _keep_values(row, before, report.dry_run)
                fresh.append(row)
    fields = [*FIELDS[model], *SYNC_FIELDS[model]]
    written = {row.id: row for row in (fresh if report.dry_run else save_rows(fresh, report, fields))}
    values = attrgetter(*FIELDS[model])
    for row in written.values():
        if row.id not in known:
            report.added.append(describe(row))
        elif values(row) != values(known[row.id]):
            report.changed.append(describe(row))
        else:
            report.unchanged += 1
    return {**known, **written}


def _keep_values(row: Product | Price, before: Any, dry_run: bool) -> None:
    """Keep what a sync does not write. The database checks constraints of all columns, also in an update."""
    model = type(row)
    for field in model._meta.concrete_fields if before else ():
        if field.attname not in WRITTEN[model] and not field.generated:
            setattr(row, field.attname, getattr(before, field.attname))
    if isinstance(row, Price) and before:
        _keep_plan(row, before, dry_run)


def _keep_plan(price: Price, before: Any, dry_run: bool) -> None:
    """Keep the plan of the price, and of its buyers, if another price takes over its lookup key."""
    if before.plan:
        price.plan = before.plan
    elif price.plan and not dry_run:
        with transaction.atomic(using=router.db_for_write(Purchase)):
            Purchase.objects.filter(price=price.id, plan="").update(plan=price.plan)


def _name_archived_plans(report: Report) -> None:
    """Store the plans of prices that were archived before the store had a column for plans."""
    unnamed = all_rows(Price).filter(active=False, plan="")
    for prices in fetch_pages("prices", active=False) if unnamed.exists() else []:
        known = unnamed.in_bulk([get_id(price) for price in prices])
        for row in build_rows(Price, [price for price in prices if get_id(price) in known], report):
            with report.isolate(row):
                _keep_plan(row, known[row.id], dry_run=False)
                update_rows([row], report, plan=row.plan)


def _archive(model: type[RowT], listed: set[str], started: datetime, report: Report) -> None:
    """Deactivate rows that Stripe does not list, unless an event has updated them since `started`."""
    stale = all_rows(model).filter(active=True, synced_at__lt=started)
    unlisted = [row for row in stale.iterator() if row.id not in listed]
    if not report.dry_run:
        unlisted = update_rows(unlisted, report, active=False, synced_at=started)
    report.archived += map(describe, unlisted)


def fetch_product(product_id: str) -> tuple[StripeData | None, list[StripeData]]:
    """Return a product (None if Stripe has deleted it) and its active prices."""
    try:
        expand = ["data.product", "data.currency_options"]
        pages = fetch_pages("prices", product=product_id, active=True, expand=expand)
        prices = [price for page in pages for price in page]
        # List by id, because custom ids ("a/b", "..") may be invalid in the path of a URL.
        products = [product for price in prices if (product := expanded(price.get("product")))]
        return next(iter(products or fetch("products", ids=[product_id])["data"]), None), prices
    except stripe.InvalidRequestError as error:
        if not is_missing(error):
            raise
        return None, []


def _write_product(
    product: Product,
    prices: Sequence[Price],
    active_ids: set[str],
    report: Report,
    copies: dict[str, Any] | None = None,
) -> None:
    """Write a product, its prices and search columns in one transaction. A price that fails keeps its last copy.

    Without `copies` the product keeps its copied images. Raise NotSaved if the product or its search columns fail.
    """
    required = Report()
    with transaction.atomic(using=router.db_for_write(Product)):
        known_product = all_rows(Product).select_for_update().in_bulk([product.id])
        if copies is None:
            copies = known_product[product.id].copies if known_product else {}
        product.copies = copies
        known = {price.id: price for price in all_rows(Price).filter(product=product.id)}
        archived = [copy(price) for price in known.values() if price.active and price.id not in active_ids]
        for price in archived:
            price.active, price.synced_at = False, product.synced_at
        saved = _save(Product, [product], known_product, required).get(product.id, product)
        required.raise_if_failed()
        saved_prices = _save(Price, [*prices, *archived], known, report)
        configuration = all_rows(ProductConfiguration).filter(product=product.id).first()
        if configuration:
            configuration.product, configuration.prices = saved, saved.sellable_prices(saved_prices.values())
            refresh_rows([configuration], required)
        else:
            update_configurations(required, [product.id])
        required.raise_if_failed()
