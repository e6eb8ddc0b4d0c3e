"""The shopper's question to the shelves, as the address asks it, and the products that answer it."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Case, IntegerField, Q, Value, When
from django.http import QueryDict

from .listing import fold
from .models import Price, ProductConfiguration, ProductConfigurationQuerySet

MOST_LETTERS, MOST_WORDS = 100, 8

# Each ends in a column without ties, so that no product is on two pages or on none.
SORTS: dict[str, tuple[str, ...]] = {
    "": ("position", "id"),
    "newest": ("-id",),
    "name": ("sort_name", "id"),
    "price": ("sort_price", "position", "id"),
}
KINDS = {Price.Type.ONE_TIME.value: Q(sells_once=True), Price.Type.RECURRING.value: Q(sells_recurring=True)}


@dataclass(frozen=True, slots=True)
class Question:
    """?q=words&type=one_time|recurring&sort=newest|name|price&product=slug (comes first). Nonsense asks nothing."""

    q: str = ""
    kind: str = ""
    sort: str = ""
    first: str = ""

    @classmethod
    def read(cls, address: QueryDict) -> Question:
        kind, sort = address.get("type", ""), address.get("sort", "")
        return cls(
            q=address.get("q", "").replace("\x00", "").strip()[:MOST_LETTERS],
            kind=kind if kind in KINDS else "",
            sort=sort if sort in SORTS else "",
            first=address.get("product", "").replace("\x00", "")[:MOST_LETTERS],
        )

    def answer(self) -> ProductConfigurationQuerySet:
        """The products on sale that fit, in order. One query of the listing's columns, whatever the question."""
        rows = ProductConfiguration.objects.filter(listed=True)
        words = fold(self.q).split()[:MOST_WORDS]
        for word in words:
            rows = rows.filter(search_text__contains=word)
        if self.kind:
            rows = rows.filter(KINDS[self.kind])
        order = list(SORTS[self.sort])
        if words and not self.sort:
            named = Q(*(Q(sort_name__contains=word) for word in words))
            rows, order = rows.annotate(found_in_text=_behind(named)), ["found_in_text", *order]
        if self.first:
            rows, order = rows.annotate(others=_behind(Q(slug=self.first))), ["others", *order]
        return rows.order_by(*order)


def _behind(first: Q) -> Case:
    """An order in which what fits `first` comes before the rest."""
    return Case(When(first, then=Value(0)), default=Value(1), output_field=IntegerField())
