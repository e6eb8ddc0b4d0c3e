"""Send the same response again for a repeated idempotency key. https://docs.stripe.com/api/idempotent_requests"""

import hashlib
import json
import sqlite3
import time
from dataclasses import dataclass

from . import errors, storage
from .forms import Tree

_RETENTION_SECONDS = 24 * 3600
_LEASE_SECONDS = 60  # after that, an unfinished request has no key any more: its process has probably ended


@dataclass(frozen=True)
class Replay:
    status: int
    body: bytes
    request_id: str


def begin(key: str, endpoint: str, tree: Tree, request_id: str) -> Replay | None:
    """Return the stored response, or None after reserving the key for this request.

    Raise ApiError 400 if the key belongs to a different request, 409 while the first request is running.
    """
    if len(key) > 255:
        raise errors.ApiError("Idempotency keys can be up to 255 characters long.", kind="idempotency_error")
    request = hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()
    first = _find(key) or _claim(key, request, endpoint, request_id)
    if first is None:
        return None
    if first["endpoint"] != endpoint or first["request"] != request:
        what = "endpoint" if first["endpoint"] != endpoint else "parameters"
        message = (
            f"Keys for idempotent requests can only be used with the same {what} they were first used with."
            f" Try using a key other than '{key}' if you meant to execute a different request."
        )
        raise errors.ApiError(message, kind="idempotency_error")
    if first["status"] is None:
        message = (
            f"There is currently another in-progress request using this Idempotent Key (that probably means you"
            f" submitted twice, and the other request is still going through): {key}."
        )
        raise errors.ApiError(message, code="idempotency_key_in_use", status=409, kind="idempotency_error")
    return Replay(first["status"], first["body"], first["request_id"])


def _find(key: str) -> sqlite3.Row | None:
    """Return the first request with the key, unless it has expired. Take no write lock, so that a 409 is immediate."""
    for row in storage.query("SELECT * FROM idempotency WHERE key = ?", key):
        lifetime = _LEASE_SECONDS if row["status"] is None else _RETENTION_SECONDS
        if row["at"] > time.time() - lifetime:
            return row
    return None


def _claim(key: str, request: str, endpoint: str, request_id: str) -> sqlite3.Row | None:
    with storage.transaction():
        if (first := _find(key)) is not None:
            return first
        storage.query(
            "INSERT OR REPLACE INTO idempotency (key, at, request, endpoint, request_id) VALUES (?, ?, ?, ?, ?)",
            key, time.time(), request, endpoint, request_id,
        )  # fmt: skip
    return None


def finish(key: str, status: int, body: bytes) -> None:
    storage.query("UPDATE idempotency SET status = ?, body = ? WHERE key = ?", status, body, key)


def abandon(key: str) -> None:
    storage.query("DELETE FROM idempotency WHERE key = ?", key)
