from collections.abc import Collection, Iterator, Sequence
from typing import Any, TypeVar

from django.db import DataError, IntegrityError, ProgrammingError, router, transaction
from django.db.models import Model, QuerySet

BATCH_SIZE = 500
# Errors of one row. An unreachable or locked database raises other errors.
ROW_ERRORS = (DataError, IntegrityError, ProgrammingError, ValueError, OverflowError)

T = TypeVar("T")
ModelT = TypeVar("ModelT", bound=Model)


def all_rows(model: type[ModelT]) -> QuerySet[ModelT]:
    """Return all rows for writing, including those that a custom default manager hides."""
    return model._base_manager.using(router.db_for_write(model))


def in_batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[start : start + BATCH_SIZE] for start in range(0, len(items), BATCH_SIZE))


def save_rows(rows: Sequence[ModelT], update_fields: Collection[str] = ()) -> list[tuple[ModelT, Exception]]:
    """Insert rows, or update `update_fields` of existing ones. Return the rows that failed, with their errors."""
    if not rows:
        return []
    upsert: dict[str, Any] = {}
    if update_fields:
        upsert = {"update_conflicts": True, "unique_fields": ["pk"], "update_fields": update_fields}
    table = all_rows(type(rows[0]))
    try:
        with transaction.atomic(using=table.db):
            table.bulk_create(rows, **upsert)
    except ROW_ERRORS as error:
        if len(rows) == 1:
            return [(rows[0], error)]
        return [failed for row in rows for failed in save_rows([row], update_fields)]
    return []
