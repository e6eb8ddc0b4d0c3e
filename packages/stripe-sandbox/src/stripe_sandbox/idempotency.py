"""Idempotency keys: a request that is sent again gets the first one's answer.

https://docs.stripe.com/api/idempotent_requests
"""

import hashlib
import json
import sqlite3
import time
from dataclasses import dataclass

from . import errors, storage
from .forms import Tree

_KEPT = 24 * 3600
_ABANDONED = 60  # seconds after which a request that never ended (its process died) frees its key


@dataclass(frozen=True)
class Replay:
    """The stored answer, and the id of the request that earned it."""

    status: int
    body: bytes
    request_id: str


def begin(key: str, endpoint: str, tree: Tree, request_id: str) -> Replay | None:
    """Take the key for this request; or the answer, if it was answered before.

    Raises ApiError: 400 idempotency_error for another request under the same key, 409 while the first is still running.
    """
    if len(key) > 255:
        raise errors.ApiError("Idempotency keys can be up to 255 characters long.", kind="idempotency_error")
    request = hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()
    first = _find(key) or _take(key, request, endpoint, request_id)
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
    """The key's request, unless it is too old. Reads without waiting for whoever writes, so the 409 comes at once."""
    now = time.time()
    rows = storage.query("SELECT * FROM idempotency WHERE key = ?", key)
    return next(
        (row for row in rows if row["at"] > now - (_ABANDONED if row["status"] is None else _KEPT)), None
    )


def _take(key: str, request: str, endpoint: str, request_id: str) -> sqlite3.Row | None:
    """Write the key down for this request: None. Or whoever was quicker."""
    with storage.transaction():
        if (first := _find(key)) is not None:
            return first
        storage.query(
            "INSERT OR REPLACE INTO idempotency (key, at, request, endpoint, request_id) VALUES (?, ?, ?, ?, ?)",
            key, time.time(), request, endpoint, request_id,
        )  # fmt: skip
    return None


def finish(key: str, status: int, body: bytes) -> None:
    """Keep the answer for whoever sends the request again."""
    storage.query("UPDATE idempotency SET status = ?, body = ? WHERE key = ?", status, body, key)


def abandon(key: str) -> None:
    """Free the key: the request was turned down before anything was done."""
    storage.query("DELETE FROM idempotency WHERE key = ?", key)
