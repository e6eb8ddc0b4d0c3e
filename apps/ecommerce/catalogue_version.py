"""A stamp that is another one after every change of the catalogue, seen by every process at once.

Pages that were made for the old stamp are found no more. The shared cache keeps it; where there is none (local
memory, one machine) a small file does, and asking costs one stat().
"""

from __future__ import annotations

import os
from uuid import uuid4

from django.conf import settings
from django.core.cache import caches
from django.db import transaction

KEY = "catalogue-version"
LOCAL = "apps.web.memory_cache.MemoryCache"


def current() -> str:
    """The stamp; "" when the shared cache does not answer, and then nothing can be known to be fresh."""
    if not _is_local():
        shared = caches["pages"]
        stamp = shared.get(KEY) or (shared.add(KEY, uuid4().hex, None) and shared.get(KEY))
        return str(stamp or "")
    try:
        seen = os.stat(_file())
    except FileNotFoundError:
        return "first"
    return f"{seen.st_mtime_ns}-{seen.st_ino}"


def changed(**_signal: object) -> None:
    """The catalogue changes in this transaction; the new stamp comes with its commit. Also a signal's receiver."""
    transaction.on_commit(_renew)


def _renew() -> None:
    if not _is_local():
        caches["pages"].set(KEY, uuid4().hex, None)
        return
    fresh = f"{_file()}.{uuid4().hex}"  # another inode: the clock alone may stand still
    os.close(os.open(fresh, os.O_CREAT))
    os.replace(fresh, _file())


def _file() -> str:
    return os.path.join(settings.VAR_DIR, "catalogue-version")


def _is_local() -> bool:
    return bool(settings.CACHES["pages"]["BACKEND"] == LOCAL)
