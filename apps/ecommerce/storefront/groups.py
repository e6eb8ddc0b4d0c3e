"""Count the products that the store shows, in total and for each category and tag of the filter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from heapq import nlargest
from typing import Any

from django.db.models import Count, F, Value

from apps.core.page_cache import public_data
from apps.ecommerce.models import Category, ProductConfigurationQuerySet, Tag
from apps.ecommerce.storefront.store_filter import StoreFilter

MAX_TAGS = 30
TAG_POSITION = -1  # distinguishes tags from categories, whose positions are not negative


@dataclass(frozen=True, slots=True)
class GroupChoice:
    slug: str
    name: str
    count: int
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class StoreCounts:
    products: int
    categories: list[GroupChoice]
    tags: list[GroupChoice]


def known_slug(model: type[Category | Tag]) -> Callable[[str], str]:
    """Return a function for cache_public_page, which ignores slugs of no category or tag."""
    return lambda slug: slug if slug and model._default_manager.filter(slug=slug).exists() else ""


def store_counts(store_filter: StoreFilter) -> StoreCounts:
    """Return the numbers for a filter of known slugs, cached until the catalogue changes; not cached for a search."""
    counted = replace(store_filter, sort="", first="")
    if counted.q:
        return _load_counts(counted)
    return public_data(f"counts {counted}", lambda: _load_counts(counted))


def group_choices(store_filter: StoreFilter) -> tuple[list[GroupChoice], list[GroupChoice]]:
    """Return the categories, and the tags of the most products, counted among those that the other filters match."""
    categories = replace(store_filter, category="").matching().filter(category__isnull=False)
    tags = replace(store_filter, tag="").matching().filter(tags__isnull=False)
    counted = _count(categories, "category", F("category__position"))
    rows = list(counted.union(_count(tags, "tags", Value(TAG_POSITION)), all=True))  # one query
    found = [
        GroupChoice(slug, name, count, slug == store_filter.category)
        for slug, name, position, count in sorted(rows, key=lambda row: (row[2], row[1].casefold()))
        if position != TAG_POSITION
    ]
    found_tags = [
        GroupChoice(slug, name, count, slug == store_filter.tag)
        for slug, name, position, count in rows
        if position == TAG_POSITION
    ]
    shown_tags = nlargest(MAX_TAGS, found_tags, key=lambda tag: (tag.is_chosen, tag.count))
    return found, sorted(shown_tags, key=lambda tag: tag.name.casefold())


def _load_counts(store_filter: StoreFilter) -> StoreCounts:
    categories, tags = group_choices(store_filter)
    return StoreCounts(store_filter.matching().count(), categories, tags)


def _count(rows: ProductConfigurationQuerySet, relation: str, position: Any) -> Any:
    columns = rows.order_by().annotate(group_position=position)
    names = (f"{relation}__slug", f"{relation}__name", "group_position")
    return columns.values_list(*names).annotate(n=Count("pk"))
