"""Shrink SQLite's file by its unused space. PostgreSQL does that automatically. https://sqlite.org/lang_vacuum.html"""

from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper

MIN_UNUSED_BYTES = 20_000_000
MIN_UNUSED_SHARE = 0.25
MAX_USED_BYTES = 1_000_000_000  # VACUUM copies these bytes, while no other process can write
MAX_WAIT_MILLISECONDS = 1000


def vacuum_if_worthwhile(connection: BaseDatabaseWrapper, *, dry_run: bool = False) -> str:
    """Return a line about what was done; "" if there is little unused space. Skip a database that is in use."""
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        return ""
    size = _read_pragma(connection, "page_size")
    unused = _read_pragma(connection, "freelist_count") * size
    total = _read_pragma(connection, "page_count") * size
    if unused < MIN_UNUSED_BYTES or unused < total * MIN_UNUSED_SHARE:
        return ""
    line = f"unused space in the database: {unused / 1e6:.0f} of {total / 1e6:.0f} MB"
    if total - unused > MAX_USED_BYTES:
        command = f"sqlite3 {connection.settings_dict['NAME']} VACUUM"
        return f"{line}. The database is too large for a running site: stop it, then run: {command}"
    if dry_run:
        return f"{line} would be freed"
    try:
        _vacuum(connection)
    except OperationalError as error:  # locked by another process, or the disk is full
        return f"{line}, not freed: {error}"
    return f"{line} freed"


def _vacuum(connection: BaseDatabaseWrapper) -> None:
    timeout = _read_pragma(connection, "busy_timeout")
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA busy_timeout = {MAX_WAIT_MILLISECONDS}")
        try:
            cursor.execute("VACUUM")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # the file shrinks now, unless it is being read
        finally:
            cursor.execute(f"PRAGMA busy_timeout = {timeout}")


def _read_pragma(connection: BaseDatabaseWrapper, name: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA {name}")
        return int(cursor.fetchone()[0])
