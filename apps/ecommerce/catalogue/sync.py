"""Copies of Stripe's products and prices. `bootstrap_ecommerce` copies all of them, an event refreshes one product.

https://docs.stripe.com/api/products and https://docs.stripe.com/api/prices
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from datetime import datetime
from operator import attrgetter
from typing import TypeVar

import stripe
from django.db import router, transaction
from django.utils import timezone

from apps.core import page_cache
from apps.ecommerce.catalogue.bulk import BATCH_SIZE, REFUSALS, all_rows, save_rows
from apps.ecommerce.catalogue.image_download import MAX_SECONDS
from apps.ecommerce.catalogue.positions import place_products
from apps.ecommerce.catalogue.product_images import keep_images
from apps.ecommerce.catalogue.report import NotSaved, Report, failure, row_label
from apps.ecommerce.catalogue.rows import FIELDS, id_of, product_of, usable_rows
from apps.ecommerce.catalogue.search_columns import refresh_rows, refresh_search_columns
from apps.ecommerce.models import Price, Product, ProductConfiguration
from apps.ecommerce.stripe_api.client import StripeData, expanded, is_missing, read, read_pages

Copy = TypeVar("Copy", Product, Price)


def sync_catalogue(*, dry_run: bool = False, progress: Callable[[str], None] = lambda line: None) -> Report:
    """Copy every active product and price; what Stripe no longer lists becomes inactive. Nothing is deleted.

    Safe to repeat and to interrupt: nothing is archived before all pages were read, and the next run completes an
    interrupted one. Raise stripe.StripeError when Stripe can't be asked.
    """
    report = Report()
    try:
        _copy_all(report, dry_run, progress)
    finally:
        if not dry_run:
            report.not_saved += place_products()
    return report


def sync_product(product_id: str) -> None:
    """Refresh one product with its prices. A product that Stripe has deleted becomes inactive."""
    fetched_at = timezone.now()
    try:
        item, listed = _fetch(product_id)
    except stripe.InvalidRequestError as error:
        if not is_missing(error):
            raise
        item, listed = None, []
    if item is None:
        with transaction.atomic(using=router.db_for_write(Product)):
            all_rows(Product).filter(id=product_id).update(active=False, synced_at=fetched_at)
            refresh_search_columns([product_id])
        return
    report = Report()
    for product in usable_rows(Product, [item], report, fetched_at):
        prices = usable_rows(Price, listed, report, fetched_at)
        _save_product(product, prices, {id_of(price) for price in listed}, report)
    if report.not_saved:
        raise NotSaved("; ".join(report.not_saved))


def _copy_all(report: Report, dry_run: bool, progress: Callable[[str], None]) -> None:
    started = timezone.now()
    seen: set[str] = set()  # also what can't be saved: its older copy stays on sale
    count = 0
    known = {""}
    for products in read_pages("products", active=True):
        rows = usable_rows(Product, products, report)
        _save_page(Product, rows, report, dry_run=dry_run)
        seen.update(map(id_of, products))
        known.update(row.id for row in rows if dry_run)
        progress(f"{len(seen)} products")
    known.update(all_rows(Product).values_list("id", flat=True))
    for prices in read_pages("prices", active=True):
        copies = usable_rows(Price, [price for price in prices if product_of(price) in known], report)
        _save_page(Price, copies, report, dry_run=dry_run)
        seen.update(map(id_of, prices))
        count += len(copies)
        progress(f"{count} prices")
    for model in (Price, Product):
        _archive(model, seen, started, report, dry_run=dry_run)


def _save_page(model: type[Copy], rows: Sequence[Copy], report: Report, *, dry_run: bool) -> None:
    """Save a page of Stripe's list with two queries: one reads what is known of it, one writes."""
    known: dict[str, Copy] = all_rows(model).in_bulk([row.id for row in rows])
    for row in rows:
        if isinstance(row, Product) and not dry_run:
            keep_images(row, before.copies if (before := known.get(row.id)) else {}, report)
    _save(model, rows, known, report, dry_run=dry_run)


def _save(
    model: type[Copy],
    rows: Sequence[Copy],
    known: Mapping[str, Copy],
    report: Report,
    *,
    dry_run: bool = False,
) -> dict[str, Copy]:
    """Upsert the rows, unless another process has fetched them later. Return all rows as they are now, by id."""
    fresh = [row for row in rows if row.id not in known or known[row.id].synced_at <= row.synced_at]
    extra: list[str] = ["synced_at", "copies"] if model is Product else ["synced_at"]
    refused = [] if dry_run else save_rows(fresh, [*FIELDS[model], *extra])
    report.not_saved += [failure(row, error) for row, error in refused]
    failed = {row.id for row, _error in refused}
    saved = {row.id: row for row in fresh if row.id not in failed}
    changes = [_note(row, known.get(row.id), report) for row in saved.values()]
    if any(changes) and not dry_run:
        page_cache.invalidate()
    return {**known, **saved}


def _note(row: Product | Price, before: Product | Price | None, report: Report) -> bool:
    """Report what the sync does with a row. Return whether a page may look different."""
    stripes = attrgetter(*(FIELDS[type(row)]))
    if before is None:
        report.added.append(row_label(row))
    elif stripes(row) != stripes(before):
        report.changed.append(row_label(row))
    else:
        report.unchanged += 1
        return isinstance(row, Product) and isinstance(before, Product) and row.copies != before.copies
    return True


def _archive(
    model: type[Product] | type[Price], seen: set[str], started: datetime, report: Report, *, dry_run: bool
) -> None:
    """Deactivate rows that Stripe's lists no longer contain, unless an event has refreshed them during the sync."""
    stale = all_rows(model).filter(active=True, synced_at__lt=started)
    gone = [row for row in stale.iterator() if row.id not in seen]
    report.archived.extend(row_label(row) for row in gone)
    for start in range(0, 0 if dry_run else len(gone), BATCH_SIZE):
        ids = [row.id for row in gone[start : start + BATCH_SIZE]]
        all_rows(model).filter(id__in=ids).update(active=False, synced_at=started)
        page_cache.invalidate()


def _fetch(product_id: str) -> tuple[StripeData | None, list[StripeData]]:
    """Return a product, or None if Stripe has deleted it, and its active prices. One request, unless it has no price.

    https://docs.stripe.com/expand
    """
    pages = read_pages("prices", product=product_id, active=True, expand=["data.product"])
    prices = [price for page in pages for price in page]
    # In a list, because an id that its owner has chosen ("a/b", "..") is no part of every path.
    found = [product for price in prices if (product := expanded(price.get("product")))]
    return next(iter(found or read("products", ids=[product_id])["data"]), None), prices


def _save_product(product: Product, prices: Sequence[Price], active_ids: set[str], report: Report) -> None:
    """Save a product with its prices, then its images."""
    try:
        _write_product(product, prices, active_ids)
        # Outside of the transaction: a slow image server must not hold a lock.
        if keep_images(product, product.copies, report, MAX_SECONDS):
            _write_product(product, prices, active_ids)
    except REFUSALS as error:
        report.not_saved.append(failure(product, error))


def _write_product(product: Product, listed: Sequence[Price], active_ids: set[str]) -> None:
    """Write a product, all its prices and its search columns. Six queries if it is in the store.

    `active_ids` are those of its active prices, also of those that can't be copied.
    """
    report = Report()
    with transaction.atomic(using=router.db_for_write(Product)):
        before = all_rows(Product).select_for_update().in_bulk([product.id])
        for old in before.values():
            kept = {url: image for url, image in old.copies.items() if url in product.images}
            product.copies = {**kept, **product.copies}
        known = {price.id: price for price in all_rows(Price).filter(product=product.id)}
        gone = [copy(price) for price in known.values() if price.active and price.id not in active_ids]
        for price in gone:
            price.active, price.synced_at = False, product.synced_at
        product = _save(Product, [product], before, report).get(product.id, product)
        prices = _save(Price, [*listed, *gone], known, report)
        configuration = all_rows(ProductConfiguration).filter(product=product.id).first()
        if configuration:
            configuration.product, configuration.prices = product, product.in_store(prices.values())
            report.not_saved += refresh_rows([configuration])
        else:
            report.not_saved += place_products([product.id])
        if report.not_saved:
            raise ValueError("; ".join(report.not_saved))
