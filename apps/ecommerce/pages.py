"""A long list in pages that follow each other: ?page=3 is the third, ?page=1-3 the first three below each other.

The second form is what the address becomes while pages load as one scrolls, so that reloading or coming back
shows the same products at the same place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.core.paginator import Paginator
from django.db.models import QuerySet

PER_PAGE = 24
MOST_PAGES = 10  # in one answer
MAX_SHARED_PAGE = 10  # later pages are asked for rarely, and would only fill the cache
PRESSED = 4  # every so many pages the next one waits for a press, so that the foot of the page can be reached
ADDRESS = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9}))?")

Rows = TypeVar("Rows", bound=QuerySet)


@dataclass(frozen=True, slots=True)
class Pages(Generic[Rows]):
    rows: Rows  # not read yet
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
        """The number of the page that follows; 0 when this is the end."""
        return self.last + 1 if self.last < self.total else 0

    @property
    def loads_by_itself(self) -> bool:
        return self.last % PRESSED != 0


def pages_of(rows: Rows, address: str) -> Pages[Rows]:
    """The pages that `address` (the value of ?page=) names, or the nearest there are. Counts with one query."""
    paginator = Paginator(rows, PER_PAGE)
    total = paginator.num_pages
    wanted = ADDRESS.fullmatch(address)
    begin, end = (int(wanted[1]), int(wanted[2] or wanted[1])) if wanted else (1, 1)
    last = min(max(begin, end, 1), total)
    first = min(max(begin, last - MOST_PAGES + 1, 1), last)
    shown = min(last * PER_PAGE, paginator.count)
    # Skipping and sorting bare keys is cheap; only the rows that are shown are read whole.
    keys = rows.values("pk")[(first - 1) * PER_PAGE : shown]
    return Pages(
        rows=rows.filter(pk__in=keys),
        count=paginator.count,
        shown=shown,
        first=first,
        last=last,
        total=total,
    )


def shared_page_number(address: str) -> str | None:
    """Return ?page= in one form: "" for the first page; None for several pages, or for a late one."""
    wanted = ADDRESS.fullmatch(address)
    number = int(wanted[1]) if wanted else 1
    if (wanted and wanted[2]) or number > MAX_SHARED_PAGE:
        return None
    return str(number) if number > 1 else ""
