"""What happens a while later without anybody asking: a refund fails, a buyer disputes, a bank answers.

The delivery thread runs what is due; a test says which time it is.
"""

import time
from collections.abc import Callable

from . import storage
from .billing import clocks

Deed = Callable[[str], object]


def plan(deed: str, object_id: str, seconds: float) -> None:
    """Have a deed of the table below done to an object in that many seconds, once the transaction is committed."""
    storage.query(
        "INSERT INTO later (deed, object, due) VALUES (?, ?, ?)", deed, object_id, time.time() + seconds
    )


def run_due(now: float | None = None) -> int:
    """Do what is due at `now` (Unix seconds, default the clock), oldest first, one by one; gives the number."""
    now, done = time.time() if now is None else now, 0
    while _run("due <= ?", now):
        done += 1
    return done


def run_for(object_id: str) -> int:
    """Do what is planned for this object at once, however far off it is; gives the number."""
    done = 0
    while _run("object = ?", object_id):
        done += 1
    return done


def planned(object_id: str) -> list[str]:
    """Names of the deeds that await the object."""
    rows = storage.query("SELECT deed FROM later WHERE object = ? ORDER BY due, id", object_id)
    return [row["deed"] for row in rows]


def forget(object_id: str) -> None:
    """Nothing will happen to this object by itself any more."""
    storage.query("DELETE FROM later WHERE object = ?", object_id)


def _run(condition: str, value: object) -> bool:
    first = f"SELECT id FROM later WHERE {condition} ORDER BY due, id LIMIT 1"  # noqa: S608 (constants)
    if not storage.query(first, value):  # idle costs one read and no lock
        return False
    with storage.transaction():
        rows = storage.query(f"DELETE FROM later WHERE id = ({first}) RETURNING *", value)  # noqa: S608
        obj = storage.get(rows[0]["object"]) if rows else None
        if obj is not None:
            with clocks.serving(obj):
                _deeds()[rows[0]["deed"]](rows[0]["object"])
    return bool(rows)


def _deeds() -> dict[str, Deed]:
    """Name ▶ what is done to the object with the id. (Imported here: these modules make plans themselves.)"""
    from .hosted import bank_debit
    from .resources import disputes, refunds

    return {
        "refund_succeeds": refunds.succeed,
        "refund_fails": refunds.fail,
        **{kind: disputes.from_card(kind) for kind in disputes.KINDS},
        "bank_answers": bank_debit.answer,
        "dispute_decided": disputes.decide,
        "early_fraud_warning": disputes.warn_of_fraud,
    }
