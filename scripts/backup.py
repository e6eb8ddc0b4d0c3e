"""`make backup` and `make restore FILE=…`: the database, product images and paid files in one archive.

    python scripts/backup.py backup             while the site runs; keeps the newest KEEP=14 archives
    python scripts/backup.py restore ARCHIVE    while the site is stopped; refuses while it runs

What happened before DOWN_SINCE="2026-11-24 10:00" (UTC) is not e-mailed to buyers again: the site did it after the
backup was made. Default: the last e-mail in the database that is replaced; now, if it can't be read.

Files in S3-compatible storage (STORAGE_URL) and the sandbox's database are not in the archive. Needs only the standard
library; for PostgreSQL pg_dump, pg_restore and psql, too.
"""

import fcntl
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn
from urllib.parse import parse_qsl, unquote, urlsplit

import dotenv
from environment import ROOT, stop
from temporary_servers import postgres_binaries

VALUES = dotenv.site_variables()
VAR = Path(VALUES.get("VAR_DIR") or ROOT / "var")
URL = VALUES.get("DATABASE_URL") or f"sqlite:///{VAR / 'db.sqlite3'}"
IS_SQLITE = URL.startswith("sqlite")
IS_PGBOUNCER = dict(parse_qsl(urlsplit(URL).query.lower())).get("disable_server_side_cursors") == "true"
SQLITE, POSTGRES = "database.sqlite3", "database.pgdump"
DUMP = SQLITE if IS_SQLITE else POSTGRES
FOLDERS = ("private", "media")
TIME = "%Y-%m-%d %H:%M:%S"  # times are UTC
LIST_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
LIST_SESSIONS = (
    "SELECT concat_ws(' ', pid, usename, application_name, client_addr) FROM pg_stat_activity WHERE "
    "datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
)
LOCK = "site.lock"  # every process of the site holds it: config/site_lock.py
MAX_WAIT_SECONDS = 5  # for sessions of processes that have just been stopped
# What the site sent after the backup: see apps/ecommerce/purchases/restored_backup.py, which does the same.
LAST_EMAIL = """SELECT max(at) FROM (
    SELECT max(sent_at) AS at FROM ecommerce_mail
    UNION SELECT started_at FROM ecommerce_scheduledrun WHERE command = 'restore') AS times"""
RECORD_RESTORE = """
INSERT INTO {schema}.ecommerce_scheduledrun (command, started_at, finished_at) VALUES ('restore', '{until}', '{now}')
    ON CONFLICT (command) DO UPDATE SET started_at = excluded.started_at, finished_at = excluded.finished_at;
UPDATE {schema}.ecommerce_mail SET sent_at = '{now}', error = 'Was in the queue when the backup was made.'
    WHERE sent_at IS NULL AND given_up_at IS NULL AND error = '';
"""
EMPTY_SCHEMA = "DROP SCHEMA IF EXISTS public CASCADE; CREATE SCHEMA public;\n"


def backup(note: str = "") -> Path:
    folder = VAR / "backups"
    VAR.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    archive = folder / f"{datetime.now(UTC):%Y-%m-%d-%H%M%S}{note}.tar.gz"
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        dump = Path(temporary) / DUMP
        # The database first, so that each file that it names is in the archive.
        _dump_sqlite(dump) if IS_SQLITE else _dump_postgres(dump)
        unfinished = Path(temporary) / "archive"
        with tarfile.open(unfinished, "w:gz", compresslevel=6) as tar:
            tar.add(dump, dump.name)
            for name in FOLDERS:
                if (VAR / name).is_dir():
                    tar.add(VAR / name, name)
        unfinished.chmod(0o600)  # e-mail addresses and paid files
        unfinished.replace(archive)
    for old in sorted(folder.glob("*.tar.gz"))[: -int(VALUES.get("KEEP") or 14)]:
        old.unlink()
    return archive


def restore(archive: Path) -> str:
    """Restore database and files. Keep the current database under another name, and newer files.

    Return the time before which buyers got their e-mails.
    """
    if not archive.is_file():
        stop(f"There is no archive {archive}. Use: make restore FILE=var/backups/….tar.gz")
    VAR.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=VAR) as temporary:
        folder = Path(temporary)
        try:
            with tarfile.open(archive) as tar:
                tar.extractall(folder, filter="data")  # refuses paths outside of the folder
        except (tarfile.TarError, EOFError, OSError) as error:
            stop(f"{archive} is damaged: {error}. Nothing was changed.")
        dump = folder / DUMP
        if not dump.is_file():
            kind = "SQLite" if (folder / SQLITE).is_file() else "PostgreSQL"
            stop(
                f"{archive} contains a {kind} database, but DATABASE_URL names another kind. Nothing was changed."
            )
        _require_stopped_site()
        emailed_until = _read_down_since() or _find_last_email() or f"{datetime.now(UTC):{TIME}}"
        _restore_sqlite(dump, emailed_until) if IS_SQLITE else _restore_postgres(dump, emailed_until)
        for name in FOLDERS:
            if (folder / name).is_dir():
                shutil.copytree(folder / name, VAR / name, dirs_exist_ok=True)
    return emailed_until


def _read_down_since() -> str:
    if not (text := VALUES.get("DOWN_SINCE") or ""):
        return ""
    try:
        return f"{datetime.fromisoformat(text):{TIME}}"
    except ValueError:
        stop(f"DOWN_SINCE={text} is not a time in UTC, such as 2026-11-24 10:00. Nothing was changed.")


def _find_last_email() -> str:
    """Return when the site that is replaced sent its last e-mail to a buyer (UTC); "" if that is unknown."""
    if IS_SQLITE:
        try:
            with closing(sqlite3.connect(_sqlite_file())) as database:
                return database.execute(LAST_EMAIL).fetchone()[0] or ""
        except sqlite3.Error:
            return ""
    tables = _postgres("psql", "--tuples-only", "--no-align", "--command", LIST_TABLES).split()
    if not {"ecommerce_mail", "ecommerce_scheduledrun"} <= set(tables):
        return ""
    return _postgres("psql", "--tuples-only", "--no-align", "--command", LAST_EMAIL).partition("+")[0].strip()


def _record_restore(schema: str, emailed_until: str, tables: str) -> str:
    if "ecommerce_scheduledrun" not in tables:
        return ""  # a backup of an older version
    return RECORD_RESTORE.format(schema=schema, until=emailed_until, now=f"{datetime.now(UTC):{TIME}}")


def _require_stopped_site() -> None:
    """Refuse if a process uses the database. Processes of the site that start later wait until this one has ended."""
    lock = os.open(VAR / LOCK, os.O_RDONLY | os.O_CREAT, 0o644)  # the lock is held until this process ends
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        _refuse(f"The site is running: `fuser {VAR / LOCK}` lists its processes")
    _wait_until_unused(_find_sqlite_users if IS_SQLITE else _find_postgres_users)


def _wait_until_unused(find_users: Callable[[], str]) -> None:
    deadline = time.monotonic() + MAX_WAIT_SECONDS
    while users := find_users():
        if time.monotonic() > deadline:
            _refuse(f"The database is in use by {users}")
        time.sleep(0.2)


def _refuse(problem: str) -> NoReturn:
    stop(
        f"{problem}. Programs that use the database during a restore see a mixture, or write into it. "
        "Nothing was changed. Stop the web server, the worker and other commands "
        "(systemctl stop shop-web shop-worker), then run make restore again."
    )


def _find_sqlite_users() -> str:
    """Return "" or who uses the database. In WAL mode, each open connection holds a shared lock on the file."""
    if not _sqlite_file().is_file():
        return ""
    try:
        with closing(sqlite3.connect(_sqlite_file(), timeout=0)) as database:
            database.execute("PRAGMA locking_mode=EXCLUSIVE")
            database.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        return "another program" if "locked" in str(error) else ""
    except sqlite3.DatabaseError:
        pass  # a damaged file, which is to be replaced
    return ""


def _find_postgres_users() -> str:
    sessions = _postgres("psql", "--tuples-only", "--no-align", "--command", LIST_SESSIONS).splitlines()
    return f"{len(sessions)} sessions (pid, user, program, host): {'; '.join(sessions)}" if sessions else ""


def _sqlite_file() -> Path:
    return Path(unquote(urlsplit(URL).path[1:]))


def _dump_sqlite(target: Path) -> None:
    """Use SQLite's online backup, which is consistent while the site writes."""
    if not _sqlite_file().is_file():
        stop(f"There is no database {_sqlite_file()}.")
    with closing(sqlite3.connect(_sqlite_file())) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")  # so that the copy is a single file


def _restore_sqlite(dump: Path, emailed_until: str) -> None:
    with closing(sqlite3.connect(dump)) as database:
        if database.execute("PRAGMA integrity_check").fetchone() != ("ok",):
            stop("The database in this archive is damaged. Nothing was changed.")
        tables = str(database.execute("SELECT name FROM sqlite_master").fetchall())
        database.executescript(_record_restore("main", emailed_until, tables))
    file = _sqlite_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    before = f".before-{datetime.now(UTC):%Y-%m-%d-%H%M%S}"
    for part in (file, file.with_name(f"{file.name}-wal"), file.with_name(f"{file.name}-shm")):
        if part.exists():
            part.replace(part.with_name(part.name.replace(file.name, file.name + before)))
    dump.replace(file)


def _dump_postgres(target: Path) -> None:
    _postgres("pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={target}")


def _restore_postgres(dump: Path, emailed_until: str) -> None:
    """Replace the content of the database in one transaction."""
    if _postgres("psql", "--tuples-only", "--command", LIST_TABLES).strip():
        print(f"Saved the previous database in {backup('-before-restore')}", flush=True)
    sql = _postgres("pg_restore", "--no-owner", "--no-privileges", "--file=-", dump)
    options = ("--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", "--file=-")
    _postgres("psql", *options, stdin=EMPTY_SCHEMA + sql + _record_restore("public", emailed_until, sql))


def _postgres(program: str, *arguments: str | Path, stdin: str | None = None) -> str:
    """Run a PostgreSQL program. Its password is in the environment, because other users can see arguments."""
    url = urlsplit(URL)
    values = {
        "PGHOST": url.hostname or "",
        "PGPORT": str(url.port or ""),
        "PGUSER": unquote(url.username or ""),
        "PGPASSWORD": unquote(url.password or ""),
        "PGDATABASE": unquote(url.path[1:]),
        "PGTZ": "UTC",
        **{f"PG{name.upper()}": value for name, value in parse_qsl(url.query) if name.startswith("ssl")},
    }
    command = [str(postgres_binaries() / program), *map(str, arguments)]
    variables = {name: value for name, value in values.items() if value and program != "pg_restore"}
    environment = {**os.environ, **variables}
    done = subprocess.run(command, env=environment, input=stdin, capture_output=True, text=True)
    if done.returncode:
        stop(f"{program} failed: {done.stderr.strip()}")
    return done.stdout


def main() -> None:
    if IS_PGBOUNCER:
        # Their settings of the session, such as an empty search_path, could reach the site's queries.
        stop(
            "pg_dump and psql cannot use PgBouncer (DATABASE_URL has disable_server_side_cursors=true). "
            "Name the server itself, for example: DATABASE_URL=postgres://… make backup"
        )
    match sys.argv[1:]:
        case ["backup"]:
            archive = backup()
            print(f"{archive}  {archive.stat().st_size / 1e6:.1f} MB")
        case ["restore", name] if name:
            emailed_until = restore(Path(name))
            print(
                f"The backup is restored. What happened before {emailed_until} UTC is not e-mailed to buyers again."
            )
            print("If the site stopped earlier, restore again with its time: DOWN_SINCE='2026-11-24 10:00'")
            print("Now run: python manage.py migrate")
            print("Then fetch newer purchases from Stripe: python manage.py reconcile_purchases")
        case _:
            stop("No archive was given. Use: make restore FILE=var/backups/2026-11-24-034700.tar.gz")


if __name__ == "__main__":
    main()
