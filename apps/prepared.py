"""What the database is asked with nearly every request and event, made ready once.

A queryset takes longer to say such a thing than the database to do it. These say the same, for one table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import islice
from typing import Any, Generic, TypeAlias, TypeVar, cast

from django.db import (
    DEFAULT_DB_ALIAS,
    DataError,
    IntegrityError,
    ProgrammingError,
    connection,
    connections,
    transaction,
)
from django.db.models import AutoField, Field, Model

M = TypeVar("M", bound=Model)
Item = TypeVar("Item")
Column: TypeAlias = "Field[Any, Any]"
BATCH = 500  # rows at once
# What a database or its driver says of a row that it can't take. Being away or locked is not among it.
UNSAVABLE = (DataError, IntegrityError, ProgrammingError, ValueError, OverflowError)


class Select(Generic[M]):
    """`Select(Purchase, "user", "livemode")` is a function of those two: the rows that have them, in the model's order.

    `lock`: as select_for_update, where the database knows it.
    """

    def __init__(self, model: type[M], *known: str, lock: bool = False) -> None:
        self.model, self.fields = model, _fields(model)
        self.names = [field.attname for field in self.fields]
        self.known = _fields(model, *known)
        columns, where = map(_quoted, self.fields), (f"{_quoted(field)} = %s" for field in self.known)
        sql = f"SELECT {', '.join(columns)} FROM {_table(model)} WHERE {' AND '.join(where)}"  # noqa: S608
        ordering = cast("list[str]", model._meta.ordering)
        if ordering:
            fields = zip(_fields(model, *(name.lstrip("-") for name in ordering)), ordering, strict=True)
            order = (f"{_quoted(field)} {'DESC' if name[0] == '-' else 'ASC'}" for field, name in fields)
            sql += f" ORDER BY {', '.join(order)}"
        self.sql = f"{sql} FOR UPDATE" if lock and connection.features.has_select_for_update else sql

    def __call__(self, *values: Any) -> list[M]:
        database = connections[DEFAULT_DB_ALIAS]
        asked = [
            field.get_db_prep_value(value, database) for field, value in zip(self.known, values, strict=True)
        ]
        with database.cursor() as cursor:
            cursor.execute(self.sql, asked)
            rows = [list(row) for row in cursor.fetchall()]
        for place, convert, column in _converters(self, database.vendor):
            for row in rows:
                row[place] = convert(row[place], column, database)
        return [self.model.from_db(DEFAULT_DB_ALIAS, self.names, row) for row in rows]


class Insert(Generic[M]):
    """`Insert(WebhookEvent)` is a function of new rows: one statement writes those whose key is new, and counts them.

    `Insert(Price, anew=("currency", …))` writes these columns of the others, too. A hundred rows or so: SQLite takes
    32,766 values in one statement.
    """

    def __init__(self, model: type[M], anew: Iterable[str] = ()) -> None:
        changed, key = [_quoted(field) for field in _fields(model, *anew)] if anew else [], model._meta.pk
        # A key that the database counts up is new in every row, unless the rows are there to be written anew.
        self.fields = [field for field in _fields(model) if changed or not isinstance(field, AutoField)]
        self.into = f"INSERT INTO {_table(model)} ({', '.join(map(_quoted, self.fields))}) VALUES "  # noqa: S608
        self.row = f"({', '.join('%s' for _field in self.fields)})"
        written = ", ".join(f"{name} = excluded.{name}" for name in changed)
        self.else_ = (
            f" ON CONFLICT ({_quoted(key)}) DO UPDATE SET {written}" if written else " ON CONFLICT DO NOTHING"
        )

    def __call__(self, *rows: M) -> int:
        if not rows:
            return 0
        database = connections[DEFAULT_DB_ALIAS]
        values = [
            field.get_db_prep_save(field.pre_save(row, add=True), database)
            for row in rows
            for field in self.fields
        ]
        with database.cursor() as cursor:
            cursor.execute(f"{self.into}{', '.join([self.row] * len(rows))}{self.else_}", values)
            return int(cursor.rowcount)


class Update:
    """`Update(Purchase, "synced_at")` is a function of a key and that column's new value; it counts the rows it wrote.

    `Update(Purchase, "synced_at", older="synced_at")` takes one value more, and leaves the row alone unless that column
    is older, or empty.
    """

    def __init__(self, model: type[Model], *changed: str, older: str = "") -> None:
        self.fields = [*_fields(model, *changed), model._meta.pk]
        self.place_of_key = len(changed)
        *columns, where = (f"{_quoted(field)} = %s" for field in self.fields)
        if older:
            [than] = _fields(model, older)
            self.fields.append(than)
            where += f" AND ({_quoted(than)} IS NULL OR {_quoted(than)} < %s)"
        self.sql = f"UPDATE {_table(model)} SET {', '.join(columns)} WHERE {where}"  # noqa: S608

    def __call__(self, key: Any, *values: Any) -> int:
        database, news = connections[DEFAULT_DB_ALIAS], list(values)
        news.insert(self.place_of_key, key)
        written = [
            field.get_db_prep_save(value, database) for field, value in zip(self.fields, news, strict=True)
        ]
        with database.cursor() as cursor:
            cursor.execute(self.sql, written)
            return int(cursor.rowcount)


def write_each(write: Callable[..., object], rows: Sequence[M]) -> list[tuple[M, Exception]]:
    """All rows in one statement or, if that is refused, one by one. Return the refused ones, with the error."""
    try:
        with transaction.atomic():
            write(*rows)
    except UNSAVABLE:
        return [(row, error) for row in rows if (error := _refusal(write, row))]
    return []


def in_batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    iterator = iter(items)
    while batch := list(islice(iterator, BATCH)):
        yield batch


def _refusal(write: Callable[..., object], row: Model) -> Exception | None:
    try:
        with transaction.atomic():
            write(row)
    except UNSAVABLE as error:
        return error
    return None


def _fields(model: type[Model], *names: str) -> list[Column]:
    """Those, or all."""
    found = (model._meta.get_field(name) for name in names) if names else model._meta.concrete_fields
    return [cast(Column, field) for field in found]


def _quoted(field: Column) -> str:
    return str(connection.ops.quote_name(cast(str, field.column)))


def _table(model: type[Model]) -> str:
    return str(connection.ops.quote_name(model._meta.db_table))


@cache
def _converters(query: Select[Any], vendor: str) -> list[tuple[int, Callable[..., Any], Any]]:
    """What makes Python's values of this database's: the place of a column, the function, the column."""
    columns = [field.get_col(query.model._meta.db_table) for field in query.fields]
    return [
        (place, convert, column)
        for place, column in enumerate(columns)
        for convert in (*connection.ops.get_db_converters(column), *column.get_db_converters(connection))
    ]
