"""Limit how many files this process sends at the same time: a slow client holds a thread until the last byte."""

from collections import Counter
from collections.abc import Generator, Iterator
from threading import RLock
from weakref import finalize

from django.conf import settings

MAX_FILES = max(settings.WEB_THREADS // 2, 1)  # in this process; the remaining threads answer pages
MAX_FILES_PER_USER = 2
RETRY_AFTER_SECONDS = 30

_lock = RLock()  # a slot may be garbage collected while this thread holds it
_sending: Counter[object] = Counter()  # by user id; None for files that need no user


class HeldChunks:
    """The chunks of a file, which hold one of MAX_FILES until they end, fail, are closed or are garbage collected."""

    def __init__(self, chunks: Generator[bytes], user_id: object) -> None:
        self.chunks = chunks
        self.release = finalize(self, _release, user_id)

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self.chunks
        finally:
            self.release()

    def close(self) -> None:
        """Django calls this with the response's `close`."""
        self.chunks.close()
        self.release()


def hold_slot(chunks: Generator[bytes], user_id: object = None) -> HeldChunks | None:
    """Return None if this process, or this user, already receives as many files as allowed."""
    with _lock:
        if _sending.total() >= MAX_FILES or (user_id is not None and _sending[user_id] >= MAX_FILES_PER_USER):
            return None
        _sending[user_id] += 1
    return HeldChunks(chunks, user_id)


def _release(user_id: object) -> None:
    with _lock:
        _sending[user_id] -= 1
        if not _sending[user_id]:
            del _sending[user_id]
