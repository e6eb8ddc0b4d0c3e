"""What happens a while later without a request: a refund fails, a buyer disputes a payment, a bank answers.

The scheduler runs what is due; a test passes the time. A module registers the actions that it schedules.
"""

import time
from collections.abc import Callable

from . import storage
from .billing import clocks

Action = Callable[[str], object]
_actions: dict[str, Action] = {}


def register(name: str, action: Action) -> None:
    """Make the action, a function of an object's id, known under this name."""
    _actions[name] = action


def schedule(name: str, object_id: str, seconds: float) -> None:
    """Run a registered action on an object in that many seconds, once the transaction is committed."""
    storage.query(
        "INSERT INTO scheduled_actions (action, object, due) VALUES (?, ?, ?)",
        name,
        object_id,
        time.time() + seconds,
    )


def run_due(now: float | None = None) -> int:
    """Run what is due at `now` (Unix seconds, default the clock), oldest first, and return the number of actions."""
    now, done = time.time() if now is None else now, 0
    while _run("due <= ?", now):
        done += 1
    return done


def run_for(object_id: str) -> int:
    """Run what is scheduled for this object at once, and return the number of actions."""
    done = 0
    while _run("object = ?", object_id):
        done += 1
    return done


def scheduled_for(object_id: str) -> list[str]:
    """Return the names of the actions that are scheduled for the object."""
    rows = storage.query("SELECT action FROM scheduled_actions WHERE object = ? ORDER BY due, id", object_id)
    return [row["action"] for row in rows]


def cancel(object_id: str) -> None:
    """Forget what is scheduled for this object."""
    storage.query("DELETE FROM scheduled_actions WHERE object = ?", object_id)


def _run(condition: str, value: object) -> bool:
    first = f"SELECT id FROM scheduled_actions WHERE {condition} ORDER BY due, id LIMIT 1"  # noqa: S608 (constants)
    if not storage.query(first, value):  # idle costs one read and no lock
        return False
    with storage.transaction():
        rows = storage.query(f"DELETE FROM scheduled_actions WHERE id = ({first}) RETURNING *", value)  # noqa: S608
        obj = storage.get(rows[0]["object"]) if rows else None
        if obj is not None:
            with clocks.serving(obj):
                _actions[rows[0]["action"]](rows[0]["object"])
    return bool(rows)
