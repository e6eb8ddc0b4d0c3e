"""The sandbox's SQLite file, with a JSON document for each object.

The store cannot query it: it gets objects through the API and webhooks only. All functions are thread-safe. Each call
is atomic; `transaction()` groups several.
"""

import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from . import conf

Obj = dict[str, Any]
"""A Stripe object as JSON."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, object TEXT NOT NULL, parent TEXT NOT NULL,
    created INTEGER NOT NULL, json TEXT NOT NULL, hidden TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS objects_list ON objects (object, parent, seq);
CREATE INDEX IF NOT EXISTS objects_created ON objects (object, created);
CREATE INDEX IF NOT EXISTS objects_customer ON objects (json_extract(json, '$.customer'), object, parent, seq)
    WHERE json_extract(json, '$.customer') IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_payment ON objects (json_extract(json, '$.payment_intent'), object, parent, seq)
    WHERE json_extract(json, '$.payment_intent') IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_invoice ON objects (json_extract(json, '$.invoice'), object, parent, seq)
    WHERE json_extract(json, '$.invoice') IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_product ON objects (json_extract(json, '$.product'), object, parent, seq)
    WHERE json_extract(json, '$.product') IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_subscription ON objects (json_extract(json, '$.subscription'), object, parent, seq)
    WHERE json_extract(json, '$.subscription') IS NOT NULL;
CREATE INDEX IF NOT EXISTS sessions_open ON objects (json_extract(json, '$.expires_at'))
    WHERE object = 'checkout.session' AND json_extract(json, '$.status') = 'open';
CREATE INDEX IF NOT EXISTS objects_due
    ON objects (json_extract(hidden, '$.clock'), json_extract(hidden, '$.due_at'))
    WHERE json_extract(hidden, '$.due_at') IS NOT NULL;
CREATE TABLE IF NOT EXISTS idempotency (
    key TEXT PRIMARY KEY, at REAL NOT NULL, request TEXT NOT NULL, endpoint TEXT NOT NULL, request_id TEXT NOT NULL,
    status INTEGER, body BLOB
);
CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY, event TEXT NOT NULL, endpoint TEXT NOT NULL, due REAL NOT NULL, state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, status INTEGER, error TEXT NOT NULL DEFAULT '', delivered_at REAL
);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (state, due);
CREATE INDEX IF NOT EXISTS deliveries_event ON deliveries (event);
CREATE TABLE IF NOT EXISTS scheduled_actions (
    id INTEGER PRIMARY KEY, action TEXT NOT NULL, object TEXT NOT NULL, due REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS scheduled_actions_due ON scheduled_actions (due);
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, json TEXT NOT NULL);
"""
_VERSION = 2
_local = threading.local()
_idle: dict[tuple[int, str], list[sqlite3.Connection]] = {}


@contextmanager
def transaction() -> Iterator[None]:
    """Run the block in a transaction (BEGIN IMMEDIATE). Nested blocks join it. Don't wait for anything inside."""
    if getattr(_local, "connection", None) is not None:
        yield
        return
    with _connect() as connection:
        connection.execute("BEGIN IMMEDIATE")
        _local.connection, _local.after = connection, []
        try:
            yield
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        else:
            connection.execute("COMMIT")
        finally:
            _local.connection = None
    for callback in _local.after:
        callback()


@contextmanager
def discard_changes() -> Iterator[None]:
    """Run the block and undo everything that it stored, to preview its result."""
    with transaction():
        callbacks = list(_local.after)
        query("SAVEPOINT preview")
        try:
            yield
        finally:
            query("ROLLBACK TO preview")
            query("RELEASE preview")
            _local.after = callbacks


def after_commit(callback: Callable[[], None]) -> None:
    if getattr(_local, "connection", None) is None:
        callback()
    else:
        _local.after.append(callback)


def query(sql: str, *values: object) -> list[sqlite3.Row]:
    with _connect() as connection:
        return connection.execute(sql, values).fetchall()


# --- objects ----------------------------------------------------------------------------------------------


def put(obj: Obj, *, parent: str = "", hidden: Obj | None = None) -> Obj:
    """Insert or update an object. An update keeps its position in lists, its parent and hidden data.

    `parent` is the id of the object that lists this one: the session of a line item. `hidden` is data that Stripe does
    not show.
    """
    query(
        "INSERT INTO objects (id, object, parent, created, json, hidden) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET json = excluded.json",
        obj["id"], obj["object"], parent, obj.get("created", 0), json.dumps(obj), json.dumps(hidden or {}),
    )  # fmt: skip
    return obj


def get(object_id: str, kind: str = "") -> Obj | None:
    rows = query("SELECT object, json FROM objects WHERE id = ?", object_id)
    return json.loads(rows[0]["json"]) if rows and kind in ("", rows[0]["object"]) else None


def update(object_id: str, **changes: Any) -> Obj:
    with transaction():
        obj = get(object_id)
        if obj is None:
            raise KeyError(object_id)
        return put(obj | changes)


def get_hidden(object_id: str) -> Obj:
    rows = query("SELECT hidden FROM objects WHERE id = ?", object_id)
    return json.loads(rows[0]["hidden"]) if rows else {}


def update_hidden(object_id: str, **changes: Any) -> None:
    with transaction():
        query(
            "UPDATE objects SET hidden = ? WHERE id = ?",
            json.dumps(get_hidden(object_id) | changes),
            object_id,
        )


def delete(object_id: str) -> None:
    query("DELETE FROM objects WHERE id = ?", object_id)


Filter = tuple[str, str, object]
"""(field, operator, value), for example ("created", ">=", 5) or ("recurring.interval", "=", "month")."""

_CURSOR = {sign: f"seq {sign} (SELECT seq FROM objects WHERE id = ?)" for sign in "<>"}  # noqa: S608 (constants)
_OPERATORS = {"=", "!=", "<", "<=", ">", ">=", "GLOB", "IN", "IS"}


def page(
    kind: str, *filters: Filter, parent: str = "", limit: int | None = None, after: str = "", before: str = ""
) -> tuple[list[Obj], bool]:
    """Return up to `limit` objects, newest first, and whether there are more. `after` and `before` are ids."""
    conditions = ["object = ?", "parent = ?"]
    values: list[object] = [kind, parent]
    for field, operator, value in filters:
        column = field if field in ("created", "seq") else f"json_extract(json, '$.{_validate_sql(field)}')"
        given = list(value) if isinstance(value, list | tuple) else [value]
        slots = f"({', '.join('?' * len(given))})" if operator == "IN" else "?"
        conditions.append(f"{column} {_validate_sql(operator)} {slots}")
        values += given
    for cursor, sign in ((after, "<"), (before, ">")):
        if cursor:
            conditions.append(_CURSOR[sign])
            values.append(cursor)
    sql = (
        f"SELECT json FROM objects WHERE {' AND '.join(conditions)}"  # noqa: S608 (names are checked, values are bound)
        f" ORDER BY seq {'ASC' if before else 'DESC'} LIMIT ?"
    )
    rows = query(sql, *values, -1 if limit is None else limit + 1)
    found = [json.loads(row["json"]) for row in rows[:limit]]
    return found[::-1] if before else found, limit is not None and len(rows) > limit


def find(kind: str, *filters: Filter, parent: str = "") -> list[Obj]:
    return page(kind, *filters, parent=parent)[0]


# --- settings ---------------------------------------------------------------------------------------------


def get_setting(name: str, default: Any = None) -> Any:
    rows = query("SELECT json FROM settings WHERE name = ?", name)
    return json.loads(rows[0]["json"]) if rows else default


def set_setting(name: str, value: Any) -> None:
    query(
        "INSERT INTO settings VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET json = excluded.json",
        name, json.dumps(value),
    )  # fmt: skip


def reset() -> None:
    with transaction():
        for table in ("objects", "idempotency", "deliveries", "scheduled_actions", "settings"):
            query(f"DELETE FROM {table}")  # noqa: S608 (a constant)


@contextmanager
def _connect() -> Iterator[sqlite3.Connection]:
    """Yield the connection of the transaction, or an idle one. Threads share the connections."""
    if (bound := getattr(_local, "connection", None)) is not None:
        yield bound
        return
    idle = _idle.setdefault((os.getpid(), get_file()), [])
    try:
        connection = idle.pop()
    except IndexError:
        connection = _open(get_file())
    try:
        yield connection
    finally:
        idle.append(connection)


def _open(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=20, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    for _ in range(100):  # setting WAL ignores the timeout if another process creates the same file
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            break
        except sqlite3.OperationalError:
            time.sleep(0.02)
    connection.execute("PRAGMA synchronous = OFF")
    if connection.execute("PRAGMA user_version").fetchone()[0] != _VERSION:  # reading takes no write lock
        connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;")
    return connection


def get_file() -> str:
    return getattr(_local, "path", "") or str(conf.get("DB"))


def pin_file(path: str) -> None:
    """Let this thread keep the file when the setting changes."""
    _local.path = path


def close_idle() -> None:
    """Close idle connections: before a fork, and in tests that change the file."""
    for connections in _idle.values():
        while connections:
            connections.pop().close()


def _validate_sql(part: str) -> str:
    """Return a field or operator that is safe in SQL. Raise ValueError for others."""
    if part not in _OPERATORS and not part.replace(".", "").replace("_", "").isalnum():
        raise ValueError(part)
    return part
