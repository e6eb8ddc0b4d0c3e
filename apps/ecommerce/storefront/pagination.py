"""Pages of a long list: ?page=3 is the third page, ?page=1-3 are the first three in one response.

The second form is what the URL becomes while pages load on scrolling, so that a reload shows the same products.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.core.paginator import Paginator
from django.db.models import QuerySet

PER_PAGE = 24
MAX_PAGES = 10  # in one response
MAX_SHARED_PAGE = 10  # later pages are requested rarely, and would only fill the cache
PAGES_BEFORE_BUTTON = 4  # then a button loads the next page, so that the footer can be reached
PAGE_PARAM = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9}))?")

Rows = TypeVar("Rows", bound=QuerySet)


@dataclass(frozen=True, slots=True)
class Pages(Generic[Rows]):
    """Some pages of a Paginator that follow each other."""

    rows: Rows  # not evaluated yet
    count: int
    shown: int  # how many there are up to and with the last row
    first: int
    last: int
    total: int

    @property
    def previous(self) -> int:
        return self.first - 1

    @property
    def next(self) -> int:
        """Return the number of the page that follows; 0 at the end."""
        return self.last + 1 if self.last < self.total else 0

    @property
    def loads_on_scroll(self) -> bool:
        return self.last % PAGES_BEFORE_BUTTON != 0


def paginate(rows: Rows, page: str) -> Pages[Rows]:
    """Return the pages that ?page= names, or the nearest that exist. One query counts the rows."""
    paginator = Paginator(rows, PER_PAGE)
    begin, end = _range(page)
    last = paginator.get_page(max(begin, end, 1)).number
    first = max(min(begin, last), last - MAX_PAGES + 1, 1)
    shown = paginator.page(last).end_index()
    # Sorting and skipping only keys is cheap; the other columns are read for the rows that are shown.
    keys = rows.values("pk")[(first - 1) * PER_PAGE : shown]
    return Pages(rows.filter(pk__in=keys), paginator.count, shown, first, last, paginator.num_pages)


def shared_page_number(page: str) -> str | None:
    """Return the one form of ?page= (page_cache.Normalise): "" for the first page; None for several, or a late one."""
    first, _last = _range(page)
    if ("-" in page and PAGE_PARAM.fullmatch(page)) or first > MAX_SHARED_PAGE:
        return None
    return str(first) if first > 1 else ""


def _range(page: str) -> tuple[int, int]:
    found = PAGE_PARAM.fullmatch(page)
    return (int(found[1]), int(found[2] or found[1])) if found else (1, 1)
