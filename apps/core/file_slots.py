"""Limit how many files this process sends at the same time: a slow client occupies a thread until the last byte."""

from collections import Counter
from collections.abc import Generator, Iterator
from threading import RLock
from weakref import finalize

from django.conf import settings

MAX_FILES = max(settings.WEB_THREADS // 2, 1)  # the remaining threads serve pages
MAX_FILES_PER_USER = 2
# For samples and large images, all visitors share these slots. The rest is for owners.
MAX_FILES_OF_VISITORS = max(MAX_FILES // 2, 1)
RETRY_AFTER_SECONDS = 30

_lock = RLock()  # garbage collection can call _release in a thread that has the lock
_sending: Counter[object] = Counter()  # user id (None for public files) ▶ number of files


class FileChunks:
    def __init__(self, chunks: Generator[bytes], user_id: object) -> None:
        self.chunks = chunks
        self.release = finalize(self, _release, user_id)

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self.chunks
        finally:
            self.release()

    def close(self) -> None:
        self.chunks.close()
        self.release()


def acquire_slot(chunks: Generator[bytes], user_id: object = None) -> FileChunks | None:
    """Return the chunks, or None if this process or this user already sends the maximum number of files."""
    with _lock:
        limit = MAX_FILES_OF_VISITORS if user_id is None else MAX_FILES_PER_USER
        if _sending.total() >= MAX_FILES or _sending[user_id] >= limit:
            return None
        _sending[user_id] += 1
    return FileChunks(chunks, user_id)


def _release(user_id: object) -> None:
    with _lock:
        _sending[user_id] -= 1
        if not _sending[user_id]:
            del _sending[user_id]
