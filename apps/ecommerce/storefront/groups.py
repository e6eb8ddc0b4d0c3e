"""The categories and tags by which the store filters, with their numbers of products."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from heapq import nlargest
from typing import Any

from django.db.models import Count, F, Value

from apps.ecommerce.models import Category, ProductConfigurationQuerySet, Tag
from apps.ecommerce.storefront.store_filter import StoreFilter

MAX_TAGS = 30
TAG_POSITION = -1  # marks the rows of tags; positions of categories are not negative


@dataclass(frozen=True, slots=True)
class GroupChoice:
    slug: str
    name: str
    count: int
    is_chosen: bool


def known_slug(model: type[Category | Tag]) -> Callable[[str], str]:
    """Return a function for cache_public_page, which ignores slugs of no category or tag."""
    return lambda slug: slug if slug and model._default_manager.filter(slug=slug).exists() else ""


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


def _count(rows: ProductConfigurationQuerySet, relation: str, position: Any) -> Any:
    columns = rows.order_by().annotate(group_position=position)
    names = (f"{relation}__slug", f"{relation}__name", "group_position")
    return columns.values_list(*names).annotate(n=Count("pk"))
