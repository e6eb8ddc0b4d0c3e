"""Queries that every page of a signed-in person makes, said once and for all.

A queryset takes longer to say such a query than the database to answer it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.models import Model

M = TypeVar("M", bound=Model)


class Prepared(Generic[M]):
    """`Prepared(Purchase, "user", "livemode")` is a function of those two: the rows that have them, in the model's order."""

    def __init__(self, model: type[M], *known: str) -> None:
        meta, quote = model._meta, connection.ops.quote_name
        self.model, self.fields = model, meta.concrete_fields
        self.known = [meta.get_field(name) for name in known]
        columns = ", ".join(quote(field.column) for field in self.fields)
        where = " AND ".join(f"{quote(field.column)} = %s" for field in self.known)
        self.sql = f"SELECT {columns} FROM {quote(meta.db_table)} WHERE {where}"
        if meta.ordering:
            order = (f"{quote(name.lstrip('-'))} {'DESC' if name[0] == '-' else 'ASC'}" for name in meta.ordering)
            self.sql += f" ORDER BY {', '.join(order)}"
        self.names = [field.attname for field in self.fields]

    def __call__(self, *values: Any) -> list[M]:
        database = connections[DEFAULT_DB_ALIAS]
        asked = [field.get_db_prep_value(value, database) for field, value in zip(self.known, values, strict=True)]
        with database.cursor() as cursor:
            cursor.execute(self.sql, asked)
            rows = [list(row) for row in cursor.fetchall()]
        for place, convert, column in _converters(self, database.vendor):
            for row in rows:
                row[place] = convert(row[place], column, database)
        return [self.model.from_db(DEFAULT_DB_ALIAS, self.names, row) for row in rows]


@cache
def _converters(query: Prepared[Any], vendor: str) -> list[tuple[int, Callable[..., Any], Any]]:
    """What makes Python's values of this database's: the place of a column, the function, the column."""
    columns = [field.get_col(query.model._meta.db_table) for field in query.fields]
    return [
        (place, convert, column)
        for place, column in enumerate(columns)
        for convert in (*connection.ops.get_db_converters(column), *column.get_db_converters(connection))
    ]
