"""Create and update the store's rows of a product that is written in the product editor."""

from __future__ import annotations

from hashlib import sha256
from typing import TypeVar

from django.db import router, transaction
from django.db.models import Max, Prefetch
from django.utils import timezone
from django.utils.text import slugify

from apps.core import page_cache
from apps.ecommerce.catalogue.bulk import all_rows
from apps.ecommerce.catalogue.product_values import ROW_FIELDS, ProductValues
from apps.ecommerce.catalogue.report import Report
from apps.ecommerce.catalogue.rows import MAX_INTEGER
from apps.ecommerce.catalogue.slugs import choose_slugs
from apps.ecommerce.models import Category, FaqEntry, Price, Product, ProductConfiguration, Tag

EDITED_FIELDS = (*ROW_FIELDS, "category", "tags", "faq")
GroupT = TypeVar("GroupT", Category, Tag)


class RowChanged(Exception):
    pass


def find_row(product_id: str) -> ProductConfiguration | None:
    prices = Prefetch("product__prices", all_rows(Price))
    rows = all_rows(ProductConfiguration).select_related("product", "category")
    return rows.prefetch_related("tags", "faq", prices).filter(product=product_id).first()


def start_draft(product_id: str, values: ProductValues) -> ProductConfiguration:
    """Return the product's row. A new one is a draft, so that webhooks don't sell a product that is not finished."""
    now = timezone.now()
    with transaction.atomic(using=router.db_for_write(Product)):
        product, is_new = all_rows(Product).get_or_create(
            id=product_id, defaults={"name": values.name, "active": False, "synced_at": now}
        )
        if is_new:
            report = Report()
            last = all_rows(ProductConfiguration).aggregate(last=Max("position"))["last"] or 0
            ProductConfiguration.objects.create(
                product=product,
                slug=values.slug or choose_slugs([product], report).get(product.id, ""),
                status=ProductConfiguration.Status.DRAFT,
                position=min(last + 1, MAX_INTEGER),
            )
            report.raise_if_failed()
    row = find_row(product_id)
    assert row
    return row


def save_row(product_id: str, expected: ProductValues, values: ProductValues) -> ProductConfiguration:
    """Write the values of the store. Raise RowChanged if another user has saved the row since."""
    with transaction.atomic(using=router.db_for_write(ProductConfiguration)):
        all_rows(ProductConfiguration).select_for_update().get(product=product_id)
        row = find_row(product_id)
        assert row
        now = ProductValues.from_rows(row.product, row.product.prices.all(), row)
        for name in EDITED_FIELDS:
            if getattr(now, name) not in (getattr(expected, name), getattr(values, name)):
                raise RowChanged(name)
        for name in ROW_FIELDS:
            setattr(row, name, getattr(values, name))
        row.category = _group(Category, values.category) if values.category else None
        if now.tags != values.tags:
            row.tags.set([_group(Tag, name) for name in values.tags])
        if now.faq != values.faq:
            row.faq.all().delete()
            entries = [
                FaqEntry(configuration=row, question=question, answer=answer, position=position)
                for position, (question, answer) in enumerate(values.faq)
            ]
            FaqEntry.objects.bulk_create(entries)
            row.changed_at = timezone.now()
        row.save()
    page_cache.invalidate()
    return row


def _group(model: type[GroupT], name: str) -> GroupT:
    """Return the category or tag with this name, in lower or upper case, or a new one."""
    if known := model._default_manager.filter(name__iexact=name).first():
        return known
    digest = sha256(name.encode()).hexdigest()[:8]
    slug = slugify(name)[:70].strip("-_") or digest
    if model._default_manager.filter(slug=slug).exists():
        slug = f"{slug}-{digest}"
    return model._default_manager.create(name=name, slug=slug)
