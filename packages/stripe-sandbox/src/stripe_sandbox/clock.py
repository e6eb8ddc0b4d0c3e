"""What time it is in the sandbox. Everything that dates an object asks here."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_frozen: ContextVar[int | None] = ContextVar("frozen", default=None)


def now() -> int:
    """Unix seconds, UTC: the simulated time while a test clock's customer is served, else the real one."""
    return _frozen.get() or int(time.time())


@contextmanager
def at(moment: int | None) -> Iterator[None]:
    """Let it be `moment` (Unix seconds) in here; None changes nothing."""
    token = _frozen.set(moment or _frozen.get())
    try:
        yield
    finally:
        _frozen.reset(token)
