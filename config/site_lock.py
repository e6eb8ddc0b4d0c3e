"""A lock that every process of the site holds, so that `make restore` refuses while one runs."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

FILE = "site.lock"  # in VAR_DIR; also in scripts/backup.py


def hold_site_lock(folder: Path) -> None:
    """Hold a shared lock until the process ends, also by a crash. Wait while a backup is being restored."""
    with suppress(OSError):  # a folder that is read-only, or a file system without locks
        file = os.open(folder / FILE, os.O_RDONLY | os.O_CREAT, 0o644)
        fcntl.flock(file, fcntl.LOCK_SH)
