"""The categories and tags by which the store filters, with their numbers of products."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import Count

from apps.ecommerce.models import Category, Tag
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


def category_choices(store_filter: StoreFilter) -> list[GroupChoice]:
    rows = replace(store_filter, category="").matching().exclude(category=None)
    columns = ("category__slug", "category__name")
    counted = rows.order_by("category__position", "category__name").values_list(*columns)
    return _choices(counted.annotate(n=Count("pk")), store_filter.category)


def tag_choices(store_filter: StoreFilter) -> list[GroupChoice]:
    """Return the tags of the most products, in alphabetical order."""
    rows = replace(store_filter, tag="").matching().exclude(tags=None)
    counted = rows.order_by().values_list("tags__slug", "tags__name").annotate(n=Count("pk"))
    choices = _choices(counted.order_by("-n", "tags__name"), store_filter.tag)
    shown = [choice for place, choice in enumerate(choices) if place < MAX_TAGS or choice.is_chosen]
    return sorted(shown, key=lambda choice: choice.name.casefold())


def _choices(rows: Any, chosen: str) -> list[GroupChoice]:
    return [GroupChoice(slug, name, count, slug == chosen) for slug, name, count in rows]
