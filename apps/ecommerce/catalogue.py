"""Stripe's products and prices ▶ database. `bootstrap_ecommerce` copies them all, an event refreshes one.

https://docs.stripe.com/api/products and https://docs.stripe.com/api/prices
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from datetime import datetime
from operator import attrgetter
from typing import Any, TypeVar

import stripe
from django.db import transaction
from django.db.models import Model
from django.utils import timezone

from apps.core import page_cache
from apps.prepared import UNSAVABLE, Insert, Select, in_batches

from .catalogue_images import keep_images
from .catalogue_places import place_products
from .catalogue_report import NotSaved, Report, failure, row_label
from .catalogue_rows import id_of, product_of, usable_rows
from .expandable import expanded
from .image_download import MAX_SECONDS
from .listing import refresh_listing, refresh_places
from .models import Price, Product, ProductConfiguration
from .stripe_client import StripeData, is_missing, read, read_pages

OURS = ("id", "copies", "synced_at")  # a change in them is no news from Stripe
_locked = Select(Product, "id", lock=True)
_prices_of = Select(Price, "product")
_place_of = Select(ProductConfiguration, "product")
_upsert: dict[type[Model], Insert[Any]] = {
    model: Insert(model, anew=[field.name for field in model._meta.concrete_fields if not field.primary_key])
    for model in (Product, Price)
}
_said = {
    model: attrgetter(*(field.attname for field in model._meta.concrete_fields if field.name not in OURS))
    for model in (Product, Price)
}
Copy = TypeVar("Copy", Product, Price)


def sync_catalogue(*, dry_run: bool = False, progress: Callable[[str], None] = lambda line: None) -> Report:
    """Copies every active product and price; what Stripe no longer lists becomes inactive. Nothing is deleted.

    Safe to repeat and to interrupt: each page is written whole, nothing is archived before all pages were seen, and
    the next run ends what a killed one has left. Raises stripe.StripeError when Stripe can't be asked.
    """
    report = Report()
    try:
        _copy_all(report, dry_run, progress)
    finally:
        if not dry_run:
            report.not_saved += place_products()
    return report


def _copy_all(report: Report, dry_run: bool, progress: Callable[[str], None]) -> None:
    """A page of the list is two queries: what is known of it, and what has changed."""
    started = timezone.now()
    seen: set[str] = set()  # what can't be saved, too: its older copy is still right that it is sold
    known: set[str] = set()
    for products in read_pages("products", active=True):
        _write(Product, usable := usable_rows(Product, products, report), report, dry_run=dry_run)
        seen.update(map(id_of, products))
        known.update(row.id for row in usable)
        progress(f"{len(seen)} products")
    stored = set(Product.objects.values_list("id", flat=True))
    known = {*stored, *(known if dry_run else ()), ""}
    count = 0
    for prices in read_pages("prices", active=True):
        rows = usable_rows(Price, [item for item in prices if product_of(item) in known], report)
        seen.update(map(id_of, prices))
        _write(Price, rows, report, dry_run=dry_run)
        count += len(rows)
        progress(f"{count} prices")
    for model in (Price, Product):
        _archive(model, seen, started, report, dry_run=dry_run)


def sync_product(product_id: str) -> None:
    """Refreshes one product with its prices. A product that Stripe has deleted becomes inactive."""
    fetched_at = timezone.now()
    try:
        item, listed = _ask(product_id)
    except stripe.InvalidRequestError as error:
        if not is_missing(error):
            raise
        item = None
    if item is None:
        with transaction.atomic():
            Product.objects.filter(id=product_id).update(active=False, synced_at=fetched_at)
            refresh_listing([product_id])
        return
    report = Report()
    for product in usable_rows(Product, [item], report, fetched_at):
        _sync(product, listed, report)
    if report.not_saved:
        raise NotSaved("; ".join(report.not_saved))


def _sync(product: Product, listed: Sequence[StripeData], report: Report) -> None:
    """Writes one product and its active prices, then its images."""
    prices = usable_rows(Price, listed, report, product.synced_at)
    still = {id_of(item) for item in listed}
    try:
        with transaction.atomic():
            _put_down(product, prices, still)
        # Outside of the transaction: a slow image server must not hold a lock.
        if keep_images(product, product.copies, report, MAX_SECONDS):
            with transaction.atomic():
                _put_down(product, prices, still)
    except UNSAVABLE as error:
        report.not_saved.append(failure(product, error))


def _ask(product_id: str) -> tuple[StripeData | None, list[StripeData]]:
    """A product and its active prices: one request, unless it has none. https://docs.stripe.com/expand

    None for a product that Stripe has deleted.
    """
    pages = read_pages("prices", product=product_id, active=True, expand=["data.product"])
    prices = [price for page in pages for price in page]
    # In a list, because an id that its owner has chosen ("a/b", "..") is no part of every path.
    found = [product for price in prices if (product := expanded(price.get("product")))]
    return next(iter(found or read("products", ids=[product_id])["data"]), None), prices


def _put_down(product: Product, listed: Sequence[Price], still: set[str]) -> None:
    """Writes one product with all its prices and its place in the store. Six queries if it had one.

    `still`: the ids of its active prices, also of those that we can't copy.
    """
    before = {row.id: row for row in _locked(product.id)}
    for old in before.values():
        kept = {url: made for url, made in old.copies.items() if url in product.images}
        product.copies = {**kept, **product.copies}
    known = {row.id: row for row in _prices_of(product.id)}
    gone = [copy(row) for row in known.values() if row.active and row.id not in still]
    for row in gone:
        row.active, row.synced_at = False, product.synced_at
    [product] = _save(Product, [product], before, Report())
    prices = _save(Price, [*listed, *gone], known, Report())
    for place in _place_of(product.id):
        place.product, place.prices = product, product.in_store(prices)
        refresh_places([place])
        return
    if failures := place_products([product.id]):
        raise ValueError("; ".join(failures))


def _write(model: type[Copy], rows: Sequence[Copy], report: Report, *, dry_run: bool) -> None:
    """A page of them, as Stripe lists them."""
    known: dict[str, Copy] = model._default_manager.in_bulk([row.id for row in rows])
    if dry_run:
        for row in rows:
            _note(report, row, known.get(row.id))
        return
    for row in rows:
        if isinstance(row, Product):
            keep_images(row, before.copies if (before := known.get(row.id)) else {}, report)
    try:
        with transaction.atomic():
            _save(model, rows, known, together := Report())
    except UNSAVABLE:
        _write_one_by_one(model, rows, known, report)
    else:
        report.include(together)


def _write_one_by_one(
    model: type[Copy], rows: Sequence[Copy], known: Mapping[str, Copy], report: Report
) -> None:
    """Save each row by itself, and report those that can't be saved."""
    for row in rows:
        try:
            with transaction.atomic():
                _save(model, [row], known, alone := Report())
        except UNSAVABLE as error:
            report.not_saved.append(failure(row, error))
        else:
            report.include(alone)


def _save(model: type[Copy], rows: Sequence[Copy], known: Mapping[str, Copy], report: Report) -> list[Copy]:
    """Upserts, leaving alone what somebody fetched later than we did. `known`: what there was before, by id.

    Gives the rows as they are now. One query.
    """
    now = [max(row, known.get(row.id, row), key=attrgetter("synced_at")) for row in rows]
    fresh = [row for row, is_now in zip(rows, now, strict=True) if row is is_now]
    _upsert[model](*fresh)
    noted = [_note(report, row, known.get(row.id)) for row in fresh]
    if any(noted) or any(_copied_anew(row, known.get(row.id)) for row in fresh):
        page_cache.invalidate()
    return now


def _archive(
    model: type[Product] | type[Price], seen: set[str], started: datetime, report: Report, *, dry_run: bool
) -> None:
    """Marks inactive what the lists no longer had, unless an event refreshed it while we read them."""
    stale = model._default_manager.filter(active=True, synced_at__lt=started)
    gone = [row for row in stale.iterator() if row.id not in seen]
    report.archived.extend(row_label(row) for row in gone)
    if not dry_run:
        for shelf in in_batches(gone):
            with transaction.atomic():
                model._default_manager.filter(id__in=[row.id for row in shelf]).update(
                    active=False, synced_at=started
                )
                page_cache.invalidate()


def _note(report: Report, row: Product | Price, before: Product | Price | None) -> bool:
    """Whether there was anything to note."""
    said = _said[type(row)]
    if before is None:
        report.added.append(row_label(row))
    elif said(row) != said(before):
        report.changed.append(row_label(row))
    else:
        report.unchanged += 1
        return False
    return True


def _copied_anew(row: Product | Price, before: Product | Price | None) -> bool:
    return isinstance(row, Product) and isinstance(before, Product) and row.copies != before.copies
