"""Stripe's products and prices ▶ database. `bootstrap_ecommerce` copies them all, an event refreshes one.

https://docs.stripe.com/api/products and https://docs.stripe.com/api/prices
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import asdict, dataclass, field
from datetime import datetime
from itertools import islice
from operator import attrgetter
from typing import Any, TypeVar

import stripe
from django.db import transaction
from django.db.models import Max, Model
from django.utils import timezone
from django.utils.text import slugify

from apps.prepared import Insert, Select

from . import catalogue_version
from .expandable import object_id
from .images import local_copy
from .listing import refresh_listing, refresh_places, renew
from .models import Price, Product, ProductConfiguration
from .share_images import draw_share_images
from .stripe_client import StripeData, read, read_pages

SHELF = 500  # rows of our own at once
OURS = ("id", "copies", "synced_at")  # a change in them is no news from Stripe
_locked = Select(Product, "id", lock=True)
_prices_of = Select(Price, "product")
_place_of = Select(ProductConfiguration, "product")
_upsert: dict[type[Model], Insert[Any]] = {
    model: Insert(model, anew=[field.name for field in model._meta.concrete_fields if not field.primary_key])
    for model in (Product, Price)
}
_place = Insert(ProductConfiguration)
_said = {
    model: attrgetter(*(field.attname for field in model._meta.concrete_fields if field.name not in OURS))
    for model in (Product, Price)
}
Copy = TypeVar("Copy", Product, Price)
Item = TypeVar("Item")


@dataclass
class Report:
    """What a run did (or, dry, would do). Each line names one object: "Icon set (prod_…)"."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    archived: list[str] = field(default_factory=list)
    unchanged: int = 0


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
            _shelve()
    if not dry_run and (drawn := draw_share_images()):
        progress(f"{drawn} share images")
    return report


def _copy_all(report: Report, dry_run: bool, progress: Callable[[str], None]) -> None:
    """A page of the list is two queries: what is known of it, and what has changed."""
    started = timezone.now()
    seen: set[str] = set()
    for products in read_pages("products", active=True):
        seen.update(item["id"] for item in products)
        _write(Product, [_product(item, timezone.now()) for item in products], report, dry_run=dry_run)
        progress(f"{len(seen)} products")
    known = seen | set(Product.objects.values_list("id", flat=True))
    count = 0
    for prices in read_pages("prices", active=True):
        rows = [_price(item, timezone.now()) for item in prices if object_id(item["product"]) in known]
        seen.update(row.id for row in rows)
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
        if error.code != "resource_missing":
            raise
        with transaction.atomic():
            Product.objects.filter(id=product_id).update(active=False, synced_at=fetched_at)
            refresh_listing([product_id])
        return
    product, prices = _product(item, fetched_at), [_price(price, fetched_at) for price in listed]
    with transaction.atomic():
        place = _put_down(product, prices)
    # Outside of the transaction: nobody waits for a lock while somebody's server is slow.
    if _keep_images(product, product.copies):
        with transaction.atomic():
            place = _put_down(product, prices)
    draw_share_images([place])


def _ask(product_id: str) -> tuple[StripeData, list[StripeData]]:
    """A product and its active prices: one request, unless it has none. https://docs.stripe.com/expand"""
    pages = read_pages("prices", product=product_id, active=True, expand=["data.product"])
    prices = [price for page in pages for price in page]
    return prices[0]["product"] if prices else read("products", product_id), prices


def _put_down(product: Product, listed: Sequence[Price]) -> ProductConfiguration:
    """Writes one product with all its prices and its place in the store. Six queries if it had one."""
    before = {row.id: row for row in _locked(product.id)}
    for old in before.values():
        kept = {url: made for url, made in old.copies.items() if url in product.images}
        product.copies = {**kept, **product.copies}
    known = {row.id: row for row in _prices_of(product.id)}
    here = {row.id for row in listed}
    gone = [copy(row) for row in known.values() if row.active and row.id not in here]
    for row in gone:
        row.active, row.synced_at = False, product.synced_at
    [product] = _save(Product, [product], before, Report())
    prices = _save(Price, [*listed, *gone], known, Report())
    for place in _place_of(product.id):
        place.product, place.prices = product, product.in_store(prices)
        refresh_places([place])
        return place
    _shelve([product.id])
    return ProductConfiguration.objects.with_catalogue().get(product=product.id)


def _product(item: StripeData, fetched_at: datetime) -> Product:
    return Product(
        id=item["id"],
        name=item["name"],
        description=item["description"] or "",
        active=item["active"],
        default_price_id=object_id(item["default_price"]),
        images=list(item["images"]),
        metadata=dict(item["metadata"]),
        synced_at=fetched_at,
    )


def _price(item: StripeData, fetched_at: datetime) -> Price:
    recurring = item["recurring"] or {}
    return Price(
        id=item["id"],
        product_id=object_id(item["product"]),
        active=item["active"],
        currency=item["currency"],
        unit_amount=item["unit_amount"],
        type=item["type"],
        interval=recurring.get("interval", ""),
        interval_count=recurring.get("interval_count", 1),
        trial_period_days=recurring.get("trial_period_days") or 0,
        nickname=item["nickname"] or "",
        metered=recurring.get("usage_type") == "metered",
        synced_at=fetched_at,
    )


def _write(model: type[Copy], rows: Sequence[Copy], report: Report, *, dry_run: bool) -> None:
    """A page of them, as Stripe lists them."""
    known: dict[str, Copy] = model._default_manager.in_bulk([row.id for row in rows])
    if dry_run:
        for row in rows:
            _note(report, row, known.get(row.id))
        return
    for row in rows:
        if isinstance(row, Product):
            _keep_images(row, before.copies if (before := known.get(row.id)) else {})
    with transaction.atomic():
        _save(model, rows, known, report)


def _save(model: type[Copy], rows: Sequence[Copy], known: Mapping[str, Copy], report: Report) -> list[Copy]:
    """Upserts, leaving alone what somebody fetched later than we did. `known`: what there was before, by id.

    Gives the rows as they are now. One query.
    """
    now = [max(row, known.get(row.id, row), key=attrgetter("synced_at")) for row in rows]
    fresh = [row for row, is_now in zip(rows, now, strict=True) if row is is_now]
    _upsert[model](*fresh)
    noted = [_note(report, row, known.get(row.id)) for row in fresh]
    if any(noted) or any(_copied_anew(row, known.get(row.id)) for row in fresh):
        catalogue_version.changed()
    return now


def _keep_images(row: Product, kept: Mapping[str, Any]) -> bool:
    """Gives a product our own copies of its images; shoppers never load Stripe's. What we have is not fetched again.

    Whether there are others now than those that were `kept`.
    """
    row.copies = {url: _copy(url, kept.get(url)) for url in row.images}
    return bool(row.copies != kept)


def _copy(url: str, kept: dict[str, Any] | None) -> dict[str, Any] | None:
    """Looks again at our own static files, which costs nothing, and at what was copied before there were widths."""
    if kept and kept["widths"]:
        return kept
    made = local_copy(url)
    return asdict(made) if made else kept


def _shelve(product_ids: Collection[str] | None = None) -> None:
    """Has every place in the store (or these) say what is true of its product, and gives one to who has none."""
    refresh_listing(product_ids)
    bare = Product.objects.filter(configuration=None).order_by("synced_at")  # as Stripe lists them
    if product_ids is not None:
        bare = bare.filter(id__in=product_ids)
    for ids in _shelves(list(bare.values_list("id", flat=True))):
        products = Product.objects.filter(id__in=ids).order_by("synced_at").prefetch_related("prices")
        _configure(list(products))


def _configure(products: Sequence[Product]) -> None:
    """A ProductConfiguration for each new product, after the existing ones, at an address of its own."""
    last = ProductConfiguration.objects.aggregate(last=Max("position"))["last"] or 0
    wanted = {
        product.id: slugify(product.metadata.get("slug") or product.name)[:70] or "product"
        for product in products
    }
    taken = set(ProductConfiguration.objects.filter(slug__in=wanted.values()).values_list("slug", flat=True))
    rows = []
    for position, product in enumerate(products, start=last + 1):
        slug = wanted[product.id]
        if slug in taken:
            slug = f"{slug}-{product.id[-8:].lower()}"
        taken.add(slug)
        tagline = str(product.metadata.get("tagline", ""))[:200]
        row = ProductConfiguration(product=product, slug=slug, position=position, tagline=tagline)
        renew(row)
        rows.append(row)
    _place(*rows)
    catalogue_version.changed()


def _archive(
    model: type[Product] | type[Price], seen: set[str], started: datetime, report: Report, *, dry_run: bool
) -> None:
    """Marks inactive what the lists no longer had, unless an event refreshed it while we read them."""
    stale = model._default_manager.filter(active=True, synced_at__lt=started)
    gone = [row for row in stale.iterator() if row.id not in seen]
    report.archived.extend(_label(row) for row in gone)
    if not dry_run:
        for shelf in _shelves(gone):
            with transaction.atomic():
                model._default_manager.filter(id__in=[row.id for row in shelf]).update(
                    active=False, synced_at=started
                )
                catalogue_version.changed()


def _note(report: Report, row: Product | Price, before: Product | Price | None) -> bool:
    """Whether there was anything to note."""
    said = _said[type(row)]
    if before is None:
        report.added.append(_label(row))
    elif said(row) != said(before):
        report.changed.append(_label(row))
    else:
        report.unchanged += 1
        return False
    return True


def _copied_anew(row: Product | Price, before: Product | Price | None) -> bool:
    return isinstance(row, Product) and isinstance(before, Product) and row.copies != before.copies


def _label(row: Product | Price) -> str:
    return f"{row.name} ({row.id})" if isinstance(row, Product) else f"price {row.id} of {row.product_id}"


def _shelves(items: Iterable[Item]) -> Iterator[list[Item]]:
    iterator = iter(items)
    while shelf := list(islice(iterator, SHELF)):
        yield shelf
