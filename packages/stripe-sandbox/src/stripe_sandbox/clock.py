"""The sandbox's current time, which every dated object uses."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_frozen: ContextVar[int | None] = ContextVar("frozen", default=None)


def now() -> int:
    """Return Unix seconds: the test clock's time while its customer is served, else the system time."""
    return _frozen.get() or int(time.time())


@contextmanager
def freeze_at(moment: int | None) -> Iterator[None]:
    """Set the current time to `moment` (Unix seconds) in this context; None changes nothing."""
    token = _frozen.set(moment or _frozen.get())
    try:
        yield
    finally:
        _frozen.reset(token)
