"""Write many rows with few queries. A row that the database refuses does not block the others."""

from collections.abc import Collection, Sequence
from typing import Any, TypeVar

from django.db import DataError, IntegrityError, ProgrammingError, router, transaction
from django.db.models import Model, QuerySet

BATCH_SIZE = 500
# What a database or its driver raises for a row. A database that is unreachable or locked raises other errors.
REFUSALS = (DataError, IntegrityError, ProgrammingError, ValueError, OverflowError)

M = TypeVar("M", bound=Model)


def all_rows(model: type[M]) -> QuerySet[M]:
    """Return all rows of the database for writing, also those that the default manager hides."""
    return model._base_manager.using(router.db_for_write(model))


def save_rows(rows: Sequence[M], update_fields: Collection[str] = ()) -> list[tuple[M, Exception]]:
    """Insert the rows, or update these fields of existing ones. Return the refused rows with the errors."""
    if not rows:
        return []
    upsert: dict[str, Any] = {
        "update_conflicts": True,
        "unique_fields": ["pk"],
        "update_fields": update_fields,
    }
    table = all_rows(type(rows[0]))
    try:
        with transaction.atomic(using=table.db):
            table.bulk_create(rows, **(upsert if update_fields else {}))
    except REFUSALS as error:
        if len(rows) == 1:
            return [(rows[0], error)]
        return [refused for row in rows for refused in save_rows([row], update_fields)]
    return []
