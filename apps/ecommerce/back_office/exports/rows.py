"""Read the rows of an export, a page at a time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import F, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce, NullIf

from apps.ecommerce.back_office.figures.periods import Period
from apps.ecommerce.back_office.figures.queries import current_mode
from apps.ecommerce.models import StripeCustomer
from apps.ecommerce.money import to_major

from .csv_lines import Cell

PAGE_ROWS = 2000

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    header: str
    field: str  # argument of QuerySet.values()
    convert: Callable[[Any, Row], Cell] = lambda value, row: value


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a query whose `time_field` is in the period."""

    rows: Callable[[], QuerySet[Any]]
    time_field: str
    columns: list[Column]

    @property
    def headers(self) -> list[str]:
        return [column.header for column in self.columns]

    def cells(self, period: Period) -> Iterator[list[Cell]]:
        fields = [column.field for column in self.columns]
        for row in read_pages(self.rows(), self.time_field, period, fields):
            yield [column.convert(row[column.field], row) for column in self.columns]


def read_pages(rows: QuerySet[Any], time_field: str, period: Period, fields: list[str]) -> Iterator[Row]:
    """Yield the rows in the order of their time.

    Each page continues after the last row of the page before. So memory is constant, also with PgBouncer, which has no
    server-side cursors, and a slow download keeps no transaction open.
    """
    names = dict.fromkeys(["pk", time_field, *fields])
    rows = rows.filter(**{f"{time_field}__lt": period.end}).order_by(time_field, "pk").values(*names)
    page = rows.filter(**{f"{time_field}__gte": period.start})
    while found := list(page[:PAGE_ROWS]):
        yield from found
        if len(found) < PAGE_ROWS:
            return
        at, pk = found[-1][time_field], found[-1]["pk"]
        after = Q(**{f"{time_field}__gt": at}) | Q(pk__gt=pk)
        page = rows.filter(after, **{f"{time_field}__gte": at})


def country_of(purchase: str = "") -> Coalesce:
    """Return the country of the buyer's billing details, else that of the order, or "" if it is not known.

    `purchase` is the path to the order: "payment__purchase__".
    """
    customers = StripeCustomer.objects.filter(current_mode(), user=OuterRef(f"{purchase}user"))
    country = NullIf(Subquery(customers.values("country")[:1]), Value(""))
    return Coalesce(country, F(f"{purchase}buyer_country"), Value(""))


def money(value: int | None, row: Row) -> Cell:
    return None if value is None else to_major(value, row["currency"])


def currency_code(value: str, row: Row) -> Cell:
    return value.upper()


def is_set(value: Any, row: Row) -> Cell:
    return value is not None
