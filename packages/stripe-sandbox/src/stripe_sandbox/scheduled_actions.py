"""Actions that happen later without a request, such as a refund that fails, a dispute or a bank's response."""

import time
from collections.abc import Callable

from . import storage
from .billing import clocks

Action = Callable[[str], object]
_actions: dict[str, Action] = {}


def register(name: str, action: Action) -> None:
    """Register a function that takes the id of an object. Other modules schedule it by name."""
    _actions[name] = action


def schedule(name: str, object_id: str, seconds: float) -> None:
    storage.query(
        "INSERT INTO scheduled_actions (action, object, due) VALUES (?, ?, ?)",
        name,
        object_id,
        time.time() + seconds,
    )


def run_due(now: float | None = None) -> int:
    now, done = time.time() if now is None else now, 0
    while _run("due <= ?", now):
        done += 1
    return done


def run_for(object_id: str) -> int:
    done = 0
    while _run("object = ?", object_id):
        done += 1
    return done


def scheduled_for(object_id: str) -> list[str]:
    rows = storage.query("SELECT action FROM scheduled_actions WHERE object = ? ORDER BY due, id", object_id)
    return [row["action"] for row in rows]


def cancel(object_id: str) -> None:
    storage.query("DELETE FROM scheduled_actions WHERE object = ?", object_id)


def _run(condition: str, value: object) -> bool:
    first = f"SELECT id FROM scheduled_actions WHERE {condition} ORDER BY due, id LIMIT 1"  # noqa: S608 (constants)
    if not storage.query(first, value):  # reading first takes no write lock
        return False
    with storage.transaction():
        rows = storage.query(f"DELETE FROM scheduled_actions WHERE id = ({first}) RETURNING *", value)  # noqa: S608
        obj = storage.get(rows[0]["object"]) if rows else None
        if obj is not None:
            with clocks.object_time(obj):
                _actions[rows[0]["action"]](rows[0]["object"])
    return bool(rows)
