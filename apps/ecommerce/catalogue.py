"""Stripe's products and prices ▶ database. `bootstrap_ecommerce` copies them all, an event refreshes one.

https://docs.stripe.com/api/products and https://docs.stripe.com/api/prices
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

import stripe
from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.text import slugify

from .expandable import object_id
from .images import local_copy
from .listing import refresh_listing
from .models import Price, Product, ProductConfiguration
from .share_images import draw_share_images
from .stripe_client import get_client

PAGE = 100  # the most that Stripe gives at once
NOT_STRIPES = ("id", "copies", "synced_at")  # our own columns: a change in them is no news
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

    Safe to repeat and to interrupt: each page is written whole, and nothing is archived before all pages
    were seen. Raises stripe.StripeError when Stripe can't be asked.
    """
    client, started, report = get_client(), timezone.now(), Report()
    seen: set[str] = set()
    for products in _pages(client.v1.products.list({"active": True, "limit": PAGE}).auto_paging_iter()):
        seen.update(item.id for item in products)
        _write(Product, [_product(item, timezone.now()) for item in products], report, dry_run=dry_run)
        progress(f"{len(seen)} products")
    known = seen | set(Product.objects.values_list("id", flat=True))
    count = 0
    for prices in _pages(client.v1.prices.list({"active": True, "limit": PAGE}).auto_paging_iter()):
        rows = [_price(item, timezone.now()) for item in prices if object_id(item.product) in known]
        seen.update(row.id for row in rows)
        _write(Price, rows, report, dry_run=dry_run)
        count += len(rows)
        progress(f"{count} prices")
    for model in (Price, Product):
        _archive(model, seen, started, report, dry_run=dry_run)
    if not dry_run and (drawn := draw_share_images()):
        progress(f"{drawn} share images")
    return report


def sync_product(product_id: str) -> None:
    """Refreshes one product with its prices. A product that Stripe has deleted becomes inactive."""
    client, fetched_at = get_client(), timezone.now()
    try:
        item = client.v1.products.retrieve(product_id)
    except stripe.InvalidRequestError as error:
        if error.code != "resource_missing":
            raise
        with transaction.atomic():
            Product.objects.filter(id=product_id).update(active=False, synced_at=fetched_at)
            refresh_listing([product_id])
        return
    prices = client.v1.prices.list({"product": product_id, "active": True, "limit": PAGE})
    rows = [_price(price, fetched_at) for price in prices.auto_paging_iter()]
    _write(Product, [_product(item, fetched_at)], Report())
    _write(Price, rows, Report())
    with transaction.atomic():
        gone = Price.objects.filter(product_id=product_id, active=True, synced_at__lt=fetched_at)
        gone.update(active=False, synced_at=fetched_at)
        refresh_listing([product_id])
    draw_share_images([product_id])


def _product(item: stripe.Product, fetched_at: datetime) -> Product:
    return Product(
        id=item.id,
        name=item.name,
        description=item.description or "",
        active=item.active,
        default_price_id=object_id(item.default_price),
        images=list(item.images),
        metadata=item.metadata.to_dict(),
        synced_at=fetched_at,
    )


def _price(item: stripe.Price, fetched_at: datetime) -> Price:
    recurring = item.recurring
    return Price(
        id=item.id,
        product_id=object_id(item.product),
        active=item.active,
        currency=item.currency,
        unit_amount=item.unit_amount,
        type=item.type,
        interval=recurring.interval if recurring else "",
        interval_count=recurring.interval_count if recurring else 1,
        trial_period_days=(recurring.trial_period_days or 0) if recurring else 0,
        nickname=item.nickname or "",
        metered=bool(recurring and recurring.usage_type == "metered"),
        synced_at=fetched_at,
    )


def _write(model: type[Copy], rows: Sequence[Copy], report: Report, *, dry_run: bool = False) -> None:
    """Upserts a page, leaving alone what somebody fetched later than we did."""
    known: dict[str, Copy] = model._default_manager.in_bulk([row.id for row in rows])
    fresh = [row for row in rows if row.id not in known or known[row.id].synced_at <= row.synced_at]
    for row in fresh:
        _note(report, row, known.get(row.id))
    if dry_run or not fresh:
        return
    for row in fresh:
        if isinstance(row, Product):
            _keep_images(row, known.get(row.id))
    with transaction.atomic():
        model._default_manager.bulk_create(
            fresh,
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=[f.name for f in model._meta.concrete_fields if not f.primary_key],
        )
        _configure([row for row in fresh if row.id not in known])
        refresh_listing({_product_id(row) for row in fresh})


def _keep_images(row: Product, before: Product | None) -> None:
    """Gives a product our own copies of its images; shoppers never load Stripe's. What we have is not fetched again."""
    kept = before.copies if before else {}
    row.copies = {url: _copy(url, kept.get(url)) for url in row.images}


def _copy(url: str, kept: dict[str, Any] | None) -> dict[str, Any] | None:
    """Looks again at our own static files, which costs nothing, and at what was copied before there were widths."""
    if kept and kept["widths"]:
        return kept
    made = local_copy(url)
    return asdict(made) if made else kept


def _configure(new: Sequence[Product | Price]) -> None:
    """A ProductConfiguration for each new product, after the existing ones, at an address of its own."""
    products = [row for row in new if isinstance(row, Product)]
    if not products:
        return
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
        rows.append(ProductConfiguration(product=product, slug=slug, position=position, tagline=tagline))
    ProductConfiguration.objects.bulk_create(rows, ignore_conflicts=True)


def _archive(
    model: type[Product] | type[Price], seen: set[str], started: datetime, report: Report, *, dry_run: bool
) -> None:
    """Marks inactive what the lists no longer had, unless an event refreshed it while we read them."""
    stale = model._default_manager.filter(active=True, synced_at__lt=started)
    gone = [row for row in stale.iterator() if row.id not in seen]
    report.archived.extend(_label(row) for row in gone)
    if not dry_run:
        for page in _pages(gone):
            with transaction.atomic():
                model._default_manager.filter(id__in=[row.id for row in page]).update(
                    active=False, synced_at=started
                )
                refresh_listing({_product_id(row) for row in page})


def _note(report: Report, row: Product | Price, before: Product | Price | None) -> None:
    if before is None:
        report.added.append(_label(row))
    elif any(
        getattr(row, f.attname) != getattr(before, f.attname)
        for f in row._meta.concrete_fields
        if f.name not in NOT_STRIPES
    ):
        report.changed.append(_label(row))
    else:
        report.unchanged += 1


def _product_id(row: Product | Price) -> str:
    return row.id if isinstance(row, Product) else row.product_id


def _label(row: Product | Price) -> str:
    return f"{row.name} ({row.id})" if isinstance(row, Product) else f"price {row.id} of {row.product_id}"


def _pages(items: Iterable[Item]) -> Iterator[list[Item]]:
    iterator = iter(items)
    while page := list(islice(iterator, PAGE)):
        yield page
