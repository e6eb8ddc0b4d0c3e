"""Collect the results of a sync. The failure of one row is reported, and does not stop the rest."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db import DatabaseError, InterfaceError, OperationalError

from apps.ecommerce.models import Price, Product, ProductConfiguration

logger = logging.getLogger(__name__)

# PostgreSQL's classes of operational errors that concern one row: deadlock, and value too large for an index.
# https://www.postgresql.org/docs/current/errcodes-appendix.html
ROW_ERROR_CLASSES = ("40", "54")


class NotSaved(Exception):
    pass


class InvalidObject(Exception):
    """An object of Stripe that the store would sell wrongly. The message says why."""


@dataclass
class Report:
    """The results of a sync; in a dry run, what it would do. Each line names an object: "Icon set (prod_…)"."""

    dry_run: bool = False
    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    archived: list[str] = field(default_factory=list)
    unchanged: int = 0
    not_saved: list[str] = field(default_factory=list)
    # Products that are for sale without one of their images.
    without_image: list[str] = field(default_factory=list)
    timeouts: Counter[str] = field(default_factory=Counter)  # host of an image server ▶ number of timeouts

    @contextmanager
    def isolate(self, row: object, name: Callable[[Any], str] | None = None) -> Iterator[None]:
        """Report any error under the row's name and go on, unless the error concerns all rows."""
        try:
            yield
        # A founder's fields, receivers and database constraints can raise any error.
        except Exception as error:
            if concerns_all_rows(error):
                raise
            line = f"{_name_safely(row, name or _name_row)}: {_describe_error(error)}"
            self.not_saved.append(line)
            if error.__cause__ or not isinstance(error, InvalidObject | ValidationError):
                logger.exception("Not saved: %s", line)

    def raise_if_failed(self) -> None:
        if self.not_saved:
            raise NotSaved("; ".join(dict.fromkeys(self.not_saved)))


def concerns_all_rows(error: Exception) -> bool:
    """Return whether the database is unreachable, locked or full, so that other rows would fail, too."""
    error_class = str(getattr(error.__cause__, "sqlstate", None))[:2]
    return isinstance(error, InterfaceError | OperationalError) and error_class not in ROW_ERROR_CLASSES


def printable(text: object) -> str:
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in str(text)
    )


def describe(row: Product | Price | ProductConfiguration) -> str:
    return _name_safely(row, _name_row)


def _name_safely(row: object, name: Callable[[Any], str]) -> str:
    """Return the id if the name can't be computed, so that no failure goes unreported."""
    try:
        return name(row)
    except Exception:
        key = row.get("id") if isinstance(row, Mapping) else getattr(row, "pk", None)
        logger.exception("The name of the row %a could not be computed", key)
        return f"the row {key!a}"


def _name_row(row: Product | Price | ProductConfiguration) -> str:
    if isinstance(row, ProductConfiguration):
        return _name_row(row.product)
    return printable(
        f"{row.name} ({row.id})" if isinstance(row, Product) else f"price {row.id} of {row.product_id}"
    )


def _describe_error(error: Exception) -> str:
    try:
        text = printable("; ".join(_messages(error)))
    except Exception:  # __str__() of the error can fail
        text = ""
    is_known = isinstance(error, InvalidObject | ValidationError | DatabaseError)
    return text if is_known else f"{type(error).__name__}: {text}"


def _messages(error: Exception) -> list[str]:
    if not isinstance(error, ValidationError):
        return [str(error)]
    if not hasattr(error, "error_dict"):
        return error.messages
    return [f"{name}: {' '.join(messages)}" for name, messages in error.message_dict.items()]
