"""How many files this process sends at once: a slow reader holds a thread until the last byte."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from threading import RLock

WEB_THREADS = int(os.environ.get("WEB_THREADS") or 8)  # as config/serve.py
AT_ONCE = max(WEB_THREADS // 2, 1)  # in this process; the other threads answer pages
PER_PERSON = 2
RETRY_AFTER = 30  # seconds

_lock = RLock()  # __del__ may run while this thread holds it
_sending: Counter[object] = Counter()  # by person; None is everybody who is not asked


class Slot:
    """One of AT_ONCE, until `release`; more than one call releases once."""

    def __init__(self, person: object) -> None:
        self.person, self.is_held = person, True

    def release(self) -> None:
        with _lock:
            if self.is_held:
                self.is_held = False
                _sending[self.person] -= 1
                if not _sending[self.person]:
                    del _sending[self.person]


def take_slot(person: object = None) -> Slot | None:
    """None when this process, or this person, has enough under way."""
    with _lock:
        if _sending.total() >= AT_ONCE or (person is not None and _sending[person] >= PER_PERSON):
            return None
        _sending[person] += 1
    return Slot(person)


class HeldChunks:
    """Chunks that hold a slot until they end, break or are closed (Django closes them with the response)."""

    def __init__(self, chunks: Iterator[bytes], slot: Slot) -> None:
        self.chunks, self.slot = chunks, slot

    def __iter__(self) -> HeldChunks:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self.chunks)
        except BaseException:
            self.slot.release()
            raise

    def close(self) -> None:
        try:
            if close := getattr(self.chunks, "close", None):
                close()
        finally:
            self.slot.release()

    def __del__(self) -> None:
        self.slot.release()  # a server that never closed it
