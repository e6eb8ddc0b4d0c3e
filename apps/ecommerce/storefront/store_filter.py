from dataclasses import dataclass
from typing import Self

from django.db.models import Q
from django.http import QueryDict

from apps.ecommerce.catalogue.search_columns import normalize_text
from apps.ecommerce.models import Price, ProductConfiguration, ProductConfigurationQuerySet

MAX_LENGTH = 100  # characters of a query parameter
MAX_WORDS = 8

# Each order ends in a unique column, so that no product is on two pages or on none.
SORTS: dict[str, tuple[str, ...]] = {
    "": ("position", "id"),
    "newest": ("-id",),
    "name": ("sort_name", "id"),
    # Amounts in different currencies are not compared: the currencies follow one another alphabetically.
    "price": ("sort_currency", "sort_price", "position", "id"),
}
TYPE_FILTERS = {
    Price.Type.ONE_TIME.value: Q(sells_once=True),
    Price.Type.RECURRING.value: Q(sells_recurring=True),
}


@dataclass(frozen=True, slots=True)
class StoreFilter:
    """?q=words&type=one_time|recurring&category=slug&tag=slug&sort=newest|name|price&product=slug (first)&exact=1.

    Invalid values are ignored.
    """

    q: str = ""
    kind: str = ""
    sort: str = ""
    first: str = ""
    category: str = ""
    tag: str = ""
    exact: bool = False  # the typed words, even if they find nothing

    @classmethod
    def from_query(cls, params: QueryDict) -> Self:
        kind, sort = params.get("type", ""), params.get("sort", "")
        return cls(
            q=params.get("q", "").strip()[:MAX_LENGTH],
            kind=kind if kind in TYPE_FILTERS else "",
            sort=sort if sort in SORTS else "",
            first=params.get("product", "")[:MAX_LENGTH],
            category=params.get("category", "")[:MAX_LENGTH],
            tag=params.get("tag", "")[:MAX_LENGTH],
            exact="exact" in params,
        )

    @property
    def words(self) -> list[str]:
        return normalize_text(self.q).split()[:MAX_WORDS]

    def matching(self) -> ProductConfigurationQuerySet:
        rows = ProductConfiguration.objects.filter(listed=True)
        for word in self.words:
            rows = rows.filter(search_text__contains=word)
        if self.kind:
            rows = rows.filter(TYPE_FILTERS[self.kind])
        if self.category:
            rows = rows.filter(category__slug=self.category)
        if self.tag:
            rows = rows.filter(tags__slug=self.tag)
        return rows

    def queryset(self) -> ProductConfigurationQuerySet:
        """Return the matching products in order: first those whose name has words that begin like the search."""
        rows, words = self.matching(), self.words
        order = list(SORTS[self.sort])
        if words and not self.sort:
            begins = (Q(sort_name__startswith=word) | Q(sort_name__contains=f" {word}") for word in words)
            rows = rows.annotate(
                begins_in_name=Q(*begins), in_name=Q(*(Q(sort_name__contains=word) for word in words))
            )
            order[:0] = ["-begins_in_name", "-in_name"]
        if self.first:
            rows = rows.annotate(is_first=Q(slug=self.first))
            order.insert(0, "-is_first")
        return rows.order_by(*order)
