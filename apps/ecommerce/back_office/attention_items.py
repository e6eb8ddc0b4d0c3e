"""Lines about problems that need a person."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import ngettext

from apps.ecommerce.models import Purchase

MAX_LINES = 5  # maximum for each kind of problem


@dataclass(frozen=True, slots=True)
class Item:
    title: str
    detail: str
    url: str = ""
    is_urgent: bool = False
    count: int = 1


def limited(
    rows: QuerySet[Any] | list[Any], describe: Callable[[Any], Item], list_url: str, query: str = ""
) -> Iterator[Item]:
    """Yield the first lines, and how many more there are. Only a kind with too many lines is counted."""
    first = list(rows[: MAX_LINES + 1])
    yield from map(describe, first[:MAX_LINES])
    if len(first) > MAX_LINES:
        more = (rows.count() if isinstance(rows, QuerySet) else len(rows)) - MAX_LINES
        title = ngettext("%(count)s more of these", "%(count)s more of these", more) % {"count": more}
        yield Item(title, describe(first[0]).title, f"{reverse(list_url)}?{query}".rstrip("?"), count=more)


def about(purchase: Purchase) -> str:
    return f"{purchase.order_number} · {purchase.product_name} · {purchase.email}"


def order_url(purchase: Purchase) -> str:
    return reverse("admin:ecommerce_purchase_change", args=[purchase.pk])


def last_line(error: str) -> str:
    return error.strip().rpartition("\n")[2][:300]
