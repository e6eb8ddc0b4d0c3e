"""Create events and queue their webhooks, in the transaction of the change. https://docs.stripe.com/api/events"""

import time
from contextvars import ContextVar
from fnmatch import fnmatchcase

import stripe

from . import clock, delivery, ids, shapes, storage, switches
from .storage import Obj

current_request: ContextVar[Obj | None] = ContextVar("cause", default=None)
"""The current API request as {"id", "idempotency_key"}. None if a buyer or the clock causes the event."""


def emit(kind: str, obj: Obj, previous: Obj | None = None) -> Obj:
    """Store an event with the object's current state, and queue its webhooks.

    `previous` contains the old values of changed fields, for "….updated" events.
    """
    with storage.transaction():
        endpoints = [endpoint["id"] for endpoint in _find_endpoints(kind)]
        data = {"object": obj} if previous is None else {"object": obj, "previous_attributes": previous}
        event = shapes.fill(
            stripe.Event,
            id=ids.new("event"),
            object="event",
            api_version=stripe.api_version,
            created=clock.now(),
            data=data,
            livemode=False,
            pending_webhooks=len(endpoints),
            request=current_request.get() or {"id": None, "idempotency_key": None},
            type=kind,
        )
        storage.put(event)
        if endpoints:
            _queue(event, endpoints)
    return event


def emit_updated(kind: str, before: Obj, after: Obj) -> Obj | None:
    previous = _changes(before, after)
    return emit(f"{kind}.updated", after, previous) if previous else None


def matches(patterns: list[str], kind: str) -> bool:
    return any(fnmatchcase(kind, pattern) for pattern in patterns)


def _find_endpoints(kind: str) -> list[Obj]:
    enabled = storage.find("webhook_endpoint", ("status", "=", "enabled"))
    return [endpoint for endpoint in enabled if matches(endpoint["enabled_events"], kind)]


def _queue(event: Obj, endpoints: list[str]) -> None:
    faults = switches.current()
    due = time.time() + faults.delay_seconds + (1 if faults.reorder else 0)
    state = "dropped" if matches(faults.drop, event["type"]) else "pending"
    for endpoint in endpoints * (2 if faults.duplicate else 1):
        delivery.queue(event["id"], endpoint, due, state)


def _changes(before: Obj, after: Obj) -> Obj:
    """Return the old values of changed fields. Compare nested hashes key by key, lists as a whole."""
    changed: Obj = {}
    for name in before.keys() | after.keys():
        old, new = before.get(name), after.get(name)
        if isinstance(old, dict) and isinstance(new, dict) and "data" not in old:
            if nested := _changes(old, new):
                changed[name] = nested
        elif old != new:
            changed[name] = old
    return changed
