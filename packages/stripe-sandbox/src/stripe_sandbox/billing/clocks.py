"""Whose time it is. A customer may live by a test clock, and then all that belongs to the customer does.

https://docs.stripe.com/billing/testing/test-clocks
"""

from contextlib import AbstractContextManager

import stripe

from .. import clock, shapes, storage
from ..calls import Call
from ..storage import Obj

KIND = "test_helpers.test_clock"
_KEPT = 30 * 86400
_BELONGINGS = ("subscription", "invoice", "payment_intent", "charge", "payment_method", "setup_intent")
_OWNERS = ("customer", "payment_intent", "charge", "subscription", "invoice")
# These live in real time, as the pages do that people look at.
_REAL = ("/v1/checkout/", "/v1/billing_portal/", "/v1/test_helpers/")


def new(frozen_time: int, name: str | None = None) -> Obj:
    """A stored test clock that stands at `frozen_time` (Unix seconds)."""
    defaults = {
        "deletes_after": clock.now() + _KEPT,
        "frozen_time": frozen_time,
        "name": name,
        "status": "ready",
        "status_details": {"advancing": None},
    }
    return storage.put(shapes.new(stripe.test_helpers.TestClock, defaults, {}))


def attach(customer: str, clock_id: str) -> None:
    """From now on the customer lives by this clock."""
    storage.hide(customer, clock=clock_id)


def customers(clock_id: str) -> list[str]:
    """Ids of those who live by it."""
    rows = storage.query(
        "SELECT id FROM objects WHERE object = 'customer' AND json_extract(hidden, '$.clock') = ?", clock_id
    )
    return [row["id"] for row in rows]


def belongings(clock_id: str, *kinds: str) -> list[Obj]:
    """All objects of these kinds that its customers have."""
    return [
        obj
        for customer in customers(clock_id)
        for kind in kinds
        for obj in storage.find(kind, ("customer", "=", customer))
    ]


def forget(clock_id: str) -> None:
    """Delete the clock, its customers and what they have."""
    for obj in belongings(clock_id, *_BELONGINGS):
        storage.delete(obj["id"])
    for customer in customers(clock_id):
        storage.put({"id": customer, "object": "customer", "deleted": True})
        storage.hide(customer, clock=None)
    storage.delete(clock_id)


def id_for(customer: str | None) -> str:
    """The id of the clock that this customer lives by; "" without one."""
    return str(storage.hidden(customer or "").get("clock") or "")


def time_of(clock_id: str) -> int | None:
    """The simulated time of a clock, None for ""."""
    found = storage.get(clock_id, KIND) if clock_id else None
    return found["frozen_time"] if found else None


def following(customer: str | None) -> AbstractContextManager[None]:
    """In here it is the time of the customer's clock; nothing changes when there is none."""
    return clock.at(time_of(id_for(customer)))


def for_call(call: Call) -> AbstractContextManager[None]:
    """In here it is the time of whomever the request is about."""
    if call.path.startswith(_REAL):
        return clock.at(None)
    if isinstance(named := call.params.get("test_clock"), str):
        return clock.at(time_of(named))
    objects = (storage.get(str(call.args.get("id") or call.params.get(name) or "")) for name in _OWNERS)
    return serving(next((obj for obj in objects if obj), {}))


def serving(obj: Obj) -> AbstractContextManager[None]:
    """In here it is the time of the customer whom the object belongs to."""
    return following(_owner(obj))


def _owner(obj: Obj) -> str | None:
    if obj.get("object") == "customer":
        return str(obj["id"])
    owner = obj.get("customer")
    if owner is None and obj.get("charge"):
        owner = (storage.get(obj["charge"]) or {}).get("customer")
    return owner
