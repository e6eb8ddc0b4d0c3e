import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_frozen: ContextVar[int | None] = ContextVar("frozen", default=None)


def now() -> int:
    """Return the time of the customer's test clock, or else the system time (Unix seconds)."""
    return _frozen.get() or int(time.time())


@contextmanager
def freeze_at(moment: int | None) -> Iterator[None]:
    """Use `moment` (Unix seconds) as the current time; None changes nothing."""
    token = _frozen.set(moment or _frozen.get())
    try:
        yield
    finally:
        _frozen.reset(token)
