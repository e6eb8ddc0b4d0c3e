"""Events: what happened to an object, stored with it in one transaction and queued for every endpoint that wants it.

https://docs.stripe.com/api/events
"""

import time
from contextvars import ContextVar
from fnmatch import fnmatchcase

import stripe

from . import clock, delivery, ids, shapes, storage, switches
from .storage import Obj

cause: ContextVar[Obj | None] = ContextVar("cause", default=None)
"""The API request being answered, as {"id", "idempotency_key"}; None when a buyer or the clock is the cause."""


def emit(kind: str, obj: Obj, previous: Obj | None = None) -> Obj:
    """Store an event of this type about the object as it is now, and queue its webhooks; return the event.

    `previous` are the old values of changed fields ("….updated" only). Call it in the transaction of the change.
    """
    with storage.transaction():
        endpoints = [endpoint["id"] for endpoint in _listeners(kind)]
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
            request=cause.get() or {"id": None, "idempotency_key": None},
            type=kind,
        )
        storage.put(event)
        if endpoints:
            _queue(event, endpoints)
    return event


def updated(kind: str, before: Obj, after: Obj) -> Obj | None:
    """Emit "<kind>.updated" with the old values of what changed; nothing when nothing did."""
    previous = _changes(before, after)
    return emit(f"{kind}.updated", after, previous) if previous else None


def wants(patterns: list[str], kind: str) -> bool:
    """Whether a list like ["*"] or ["charge.*", "customer.created"] names this type of event."""
    return any(fnmatchcase(kind, pattern) for pattern in patterns)


def _listeners(kind: str) -> list[Obj]:
    enabled = storage.find("webhook_endpoint", ("status", "=", "enabled"))
    return [endpoint for endpoint in enabled if wants(endpoint["enabled_events"], kind)]


def _queue(event: Obj, endpoints: list[str]) -> None:
    set_to = switches.current()
    due = time.time() + set_to.delay_seconds + (1 if set_to.reorder else 0)
    state = "dropped" if wants(set_to.drop, event["type"]) else "pending"
    for endpoint in endpoints * (2 if set_to.duplicate else 1):
        delivery.queue(event["id"], endpoint, due, state)


def _changes(before: Obj, after: Obj) -> Obj:
    """The old values of what differs: nested hashes by key, a list as a whole, null for a key that is new."""
    changed: Obj = {}
    for name in before.keys() | after.keys():
        old, new = before.get(name), after.get(name)
        if isinstance(old, dict) and isinstance(new, dict) and "data" not in old:
            if nested := _changes(old, new):
                changed[name] = nested
        elif old != new:
            changed[name] = old
    return changed
