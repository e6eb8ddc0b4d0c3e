"""Process due subscriptions and invoices in the order of time. Each step has its own transaction and its due date.

Several threads or processes may run the same clock: no step is done twice.
"""

import time

from .. import clock, errors, events, storage
from ..storage import Obj
from . import clocks, collection, due_actions, due_dates


def run_system_clock() -> None:
    """Process what is due by the system clock. Continue interrupted advances of test clocks."""
    run("", int(time.time()))
    for advancing in storage.find(clocks.KIND, ("status", "=", "advancing")):
        _advance(advancing["id"])


def run(clock_id: str, until: int) -> int:
    """Process what is due until `until`. Return the number of steps. Clock "" is the system clock."""
    steps, cause = 0, events.current_request.set(None)
    try:
        while _step(clock_id, until):
            steps += 1
    finally:
        events.current_request.reset(cause)
    return steps


def start(clock_id: str, target: int) -> Obj:
    """Start to advance the clock. The steps run after the current transaction commits.

    Raise ApiError if the clock is already advancing, or if `target` is in its past.
    """
    with storage.transaction():
        test_clock = storage.get(clock_id, clocks.KIND) or {}
        if test_clock["status"] != "ready":
            raise errors.ApiError("Test clock advancement underway. Wait until the test clock is ready.")
        if target <= test_clock["frozen_time"]:
            message = "The new frozen time must be after the current frozen time of the test clock."
            raise errors.ApiError(message, param="frozen_time")
        details = {"advancing": {"target_frozen_time": target}}
        test_clock = storage.update(clock_id, status="advancing", status_details=details)
        with clock.freeze_at(test_clock["frozen_time"]):
            events.emit("test_helpers.test_clock.advancing", test_clock)
        storage.after_commit(lambda: _advance(clock_id))
    return test_clock


def _advance(clock_id: str) -> None:
    test_clock = storage.get(clock_id, clocks.KIND)
    if test_clock is None or test_clock["status"] != "advancing":
        return
    target = test_clock["status_details"]["advancing"]["target_frozen_time"]
    run(clock_id, target)
    cause = events.current_request.set(None)
    with storage.transaction(), clock.freeze_at(target):
        test_clock = storage.get(clock_id, clocks.KIND)
        if (
            test_clock is not None
            and test_clock["status"] == "advancing"
            and due_dates.find_first_due(clock_id, target) is None
        ):
            changes = {"status": "ready", "frozen_time": target, "status_details": {"advancing": None}}
            events.emit("test_helpers.test_clock.ready", storage.update(clock_id, **changes))
    events.current_request.reset(cause)


def _step(clock_id: str, until: int) -> bool:
    if due_dates.find_first_due(clock_id, until) is None:  # reading first takes no write lock
        return False
    with storage.transaction():
        due = due_dates.find_first_due(clock_id, until)
        if due is None:
            return False
        moment = max(due["due_at"], clocks.get_frozen_time(clock_id) or 0)
        if clock_id:
            storage.update(clock_id, frozen_time=moment)
        obj = storage.get(due["id"]) or {}
        with clock.freeze_at(moment):
            (due_actions.process if obj["object"] == "subscription" else collection.attempt_due)(obj)
        if storage.get_hidden(due["id"]).get("due_at") == due["due_at"] and storage.get(due["id"]) == obj:
            raise RuntimeError(f"{due['id']} is still due after its step: this would loop forever.")
        return True
