"""Does what time asks for, strictly in its order, each step a transaction of its own and dated when it was due.

Several threads or processes may run the same clock: each step is taken by one of them.
"""

import time

from .. import clock, errors, events, storage
from ..storage import Obj
from . import clocks, collection, cycle, due_dates


def tick() -> None:
    """What real time asks for, and clocks whose advance was interrupted."""
    run("", int(time.time()))
    for advancing in storage.find(clocks.KIND, ("status", "=", "advancing")):
        _advance(advancing["id"])


def run(clock_id: str, until: int) -> int:
    """Do everything that is due by this clock ("" the wall's) up to `until`, and return the number of steps."""
    steps, cause = 0, events.cause.set(None)
    try:
        while _step(clock_id, until):
            steps += 1
    finally:
        events.cause.reset(cause)
    return steps


def start(clock_id: str, target: int) -> Obj:
    """Set the clock moving to `target`; it gets there once the current transaction is committed. Return the clock.

    Raises ApiError when it is moving already, or would move back.
    """
    with storage.transaction():
        moving = storage.get(clock_id, clocks.KIND) or {}
        if moving["status"] != "ready":
            raise errors.ApiError("Test clock advancement underway. Wait until the test clock is ready.")
        if target <= moving["frozen_time"]:
            message = "The new frozen time must be after the current frozen time of the test clock."
            raise errors.ApiError(message, param="frozen_time")
        details = {"advancing": {"target_frozen_time": target}}
        moving = storage.update(clock_id, status="advancing", status_details=details)
        with clock.at(moving["frozen_time"]):
            events.emit("test_helpers.test_clock.advancing", moving)
        storage.after_commit(lambda: _advance(clock_id))
    return moving


def _advance(clock_id: str) -> None:
    moving = storage.get(clock_id, clocks.KIND)
    if moving is None or moving["status"] != "advancing":
        return
    target = moving["status_details"]["advancing"]["target_frozen_time"]
    run(clock_id, target)
    cause = events.cause.set(None)
    with storage.transaction(), clock.at(target):
        moving = storage.get(clock_id, clocks.KIND)
        if (
            moving is not None
            and moving["status"] == "advancing"
            and due_dates.first_due(clock_id, target) is None
        ):
            there = {"status": "ready", "frozen_time": target, "status_details": {"advancing": None}}
            events.emit("test_helpers.test_clock.ready", storage.update(clock_id, **there))
    events.cause.reset(cause)


def _step(clock_id: str, until: int) -> bool:
    if due_dates.first_due(clock_id, until) is None:  # idle costs one read and no lock
        return False
    with storage.transaction():
        due = due_dates.first_due(clock_id, until)
        if due is None:
            return False
        moment = max(due["due_at"], clocks.time_of(clock_id) or 0)
        if clock_id:
            storage.update(clock_id, frozen_time=moment)
        obj = storage.get(due["id"]) or {}
        with clock.at(moment):
            (cycle.step if obj["object"] == "subscription" else collection.step)(obj)
        if storage.hidden(due["id"]).get("due_at") == due["due_at"] and storage.get(due["id"]) == obj:
            raise RuntimeError(f"Nothing came of what was due for {due['id']}: it would be due for ever.")
        return True
