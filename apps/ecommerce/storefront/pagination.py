"""Pages of the store: ?page=3 is the third page, ?page=1-3 are the first three in one response.

Pages that load on scrolling extend the range in the URL, so that a reload shows the same products.
"""

import re
from dataclasses import dataclass

from django.core.paginator import Page, Paginator

from apps.ecommerce.models import ProductConfigurationQuerySet

PER_PAGE = 24
MAX_PAGES = 10  # pages in one response
MAX_CACHED_PAGE = 10  # later pages are requested rarely
PAGES_BEFORE_BUTTON = 4  # after these pages, a button loads the next one, so that the footer can be reached
PAGE_PARAM = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9}))?")


@dataclass(frozen=True, slots=True)
class PageRange:
    first: Page
    last: Page
    queryset: ProductConfigurationQuerySet  # rows of all pages

    @property
    def rows(self) -> ProductConfigurationQuerySet:
        """Return the rows of all these pages."""
        # Sort and skip by primary key only, and read all columns only for the rows that are shown.
        keys = self.queryset.values("pk")[(self.first.number - 1) * PER_PAGE : self.last.end_index()]
        return self.queryset.filter(pk__in=keys)

    @property
    def loads_on_scroll(self) -> bool:
        return self.last.number % PAGES_BEFORE_BUTTON != 0


class CountedPaginator(Paginator):
    """Paginate rows whose number is known."""

    def __init__(self, rows: ProductConfigurationQuerySet, row_count: int) -> None:
        super().__init__(rows, PER_PAGE)
        self.row_count = row_count

    @property
    def count(self) -> int:
        return self.row_count


def paginate(queryset: ProductConfigurationQuerySet, page: str, count: int) -> PageRange:
    """Return the pages that the parameter names. `count` is the number of rows in the queryset."""
    paginator = CountedPaginator(queryset, count)
    start, end = _page_numbers(page)
    last = paginator.get_page(max(start, end, 1))
    first = paginator.page(max(min(start, last.number), last.number - MAX_PAGES + 1, 1))
    return PageRange(first, last, queryset)


def cacheable_page_number(page: str) -> str | None:
    """Return the page number for cache_public_page, "" for the first page; None for a range or a late page."""
    start, end = _page_numbers(page)
    if start != end or start > MAX_CACHED_PAGE:
        return None
    return str(start) if start > 1 else ""


def _page_numbers(page: str) -> tuple[int, int]:
    match = PAGE_PARAM.fullmatch(page)
    return (int(match[1]), int(match[2] or match[1])) if match else (1, 1)
