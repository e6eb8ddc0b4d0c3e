"""A limit on how many files this process sends at the same time: a slow client holds a thread until the last byte."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from threading import RLock

from django.conf import settings

MAX_FILES = max(settings.WEB_THREADS // 2, 1)  # in this process; the remaining threads answer pages
MAX_FILES_PER_USER = 2
RETRY_AFTER_SECONDS = 30

_lock = RLock()  # __del__ may run while this thread holds it
_sending: Counter[object] = Counter()  # by user id; None for files that need no user


class Slot:
    """One of MAX_FILES, until the first call of `release`."""

    def __init__(self, user_id: object) -> None:
        self.user_id, self.is_held = user_id, True

    def release(self) -> None:
        with _lock:
            if self.is_held:
                self.is_held = False
                _sending[self.user_id] -= 1
                if not _sending[self.user_id]:
                    del _sending[self.user_id]


def take_slot(user_id: object = None) -> Slot | None:
    """Return None when this process, or this user, already sends as many files as allowed."""
    with _lock:
        if _sending.total() >= MAX_FILES or (user_id is not None and _sending[user_id] >= MAX_FILES_PER_USER):
            return None
        _sending[user_id] += 1
    return Slot(user_id)


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
        self.slot.release()  # in case the server never closed it
