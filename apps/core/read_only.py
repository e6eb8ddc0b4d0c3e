"""Requests that must not change anything: writing to a database raises ReadOnly.

https://docs.djangoproject.com/en/stable/topics/db/instrumentation/
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from typing import Any

from django.db import connections

# First keywords of statements that do not write.
READING = frozenset({"SELECT", "(SELECT", "EXPLAIN", "BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK", "PRAGMA"})

_is_read_only: ContextVar[bool] = ContextVar("is_read_only", default=False)


class ReadOnly(Exception):
    """The code tried to write to a database during a request that must not change anything."""


@contextmanager
def read_only() -> Iterator[None]:
    token = _is_read_only.set(True)
    try:
        with ExitStack() as stack:
            for connection in connections.all():
                stack.enter_context(connection.execute_wrapper(_refuse_writing))
            yield
    finally:
        _is_read_only.reset(token)


def is_read_only() -> bool:
    return _is_read_only.get()


def _refuse_writing(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
    if str(sql).split(maxsplit=1)[0].upper() not in READING:
        raise ReadOnly(
            "This request may only read. Skip the write while apps.core.read_only.is_read_only() is true."
        )
    return execute(sql, params, many, context)
