"""The categories and tags by which the store filters, with their numbers of products."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import Count, F, Value

from apps.ecommerce.models import Category, ProductConfigurationQuerySet, Tag
from apps.ecommerce.storefront.store_filter import StoreFilter

MAX_TAGS = 30


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
    """Return the categories and the tags of the most products, counted among those that the other filters match."""
    categories = replace(store_filter, category="").matching().filter(category__isnull=False)
    tags = replace(store_filter, tag="").matching().filter(tags__isnull=False)
    rows = list(
        _count(categories, "category", F("category__position")).union(
            _count(tags, "tags", Value(-1)), all=True
        )
    )
    chosen = {True: store_filter.tag, False: store_filter.category}
    choices = [
        (position, GroupChoice(slug, name, count, slug == chosen[position == -1]))
        for slug, name, position, count in sorted(rows, key=lambda row: (row[2], row[1].casefold()))
    ]
    found_tags = [choice for position, choice in choices if position == -1]
    least = sorted((choice.count for choice in found_tags), reverse=True)[:MAX_TAGS]
    shown_tags = [choice for choice in found_tags if choice.count >= least[-1] or choice.is_chosen]
    return [choice for position, choice in choices if position != -1], shown_tags[: MAX_TAGS * 2]


def _count(rows: ProductConfigurationQuerySet, relation: str, position: Any) -> Any:
    columns = rows.order_by().annotate(group_position=position)
    names = (f"{relation}__slug", f"{relation}__name", "group_position")
    return columns.values_list(*names).annotate(n=Count("pk"))
