from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, TypeVar

from django.db import router, transaction
from django.db.models import Model, QuerySet

from apps.ecommerce.catalogue.report import Report, concerns_all_rows
from apps.ecommerce.models import Price, Product, ProductConfiguration

BATCH_SIZE = 500

T = TypeVar("T")
ModelT = TypeVar("ModelT", bound=Model)
RowT = TypeVar("RowT", Product, Price, ProductConfiguration)


def all_rows(model: type[ModelT]) -> QuerySet[ModelT]:
    """Return all rows for writing, including those that a custom default manager hides."""
    return model._base_manager.using(router.db_for_write(model))


def in_batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[start : start + BATCH_SIZE] for start in range(0, len(items), BATCH_SIZE))


def save_rows(rows: Sequence[RowT], report: Report, update_fields: Collection[str] = ()) -> list[RowT]:
    """Insert rows, or update `update_fields` of existing ones. Return the rows that were saved."""
    upsert: dict[str, Any] = {}
    if update_fields:
        upsert = {"update_conflicts": True, "unique_fields": ["pk"], "update_fields": update_fields}

    def save(batch: Sequence[RowT]) -> None:
        all_rows(type(batch[0])).bulk_create(batch, **upsert)

    return _write_rows(rows, save, report)


def update_rows(rows: Sequence[RowT], report: Report, **values: Any) -> list[RowT]:
    """Set columns of existing rows. Return the rows that were updated."""

    def update(batch: Sequence[RowT]) -> None:
        all_rows(type(batch[0])).filter(pk__in=[row.pk for row in batch]).update(**values)

    return [row for batch in in_batches(rows) for row in _write_rows(batch, update, report)]


def _write_rows(rows: Sequence[RowT], write: Callable[[Sequence[RowT]], None], report: Report) -> list[RowT]:
    """Write all rows at once. Only if that fails, write one by one, and report those that fail."""
    if not rows:
        return []
    database = router.db_for_write(type(rows[0]))
    if len(rows) > 1:
        try:
            with transaction.atomic(using=database):
                write(rows)
            return list(rows)
        except Exception as error:
            if concerns_all_rows(error):
                raise
    written = []
    for row in rows:
        with report.isolate(row):
            with transaction.atomic(using=database):
                write([row])
            written.append(row)
    return written
