"""Test clocks: they set the time of a customer and of all objects of the customer.

https://docs.stripe.com/billing/testing/test-clocks
"""

from contextlib import AbstractContextManager

import stripe

from .. import clock, shapes, storage
from ..calls import Call
from ..storage import Obj

KIND = "test_helpers.test_clock"
_RETENTION_SECONDS = 30 * 86400
_CUSTOMER_KINDS = (
    "subscription",
    "invoice",
    "invoiceitem",
    "customer_balance_transaction",
    "payment_intent",
    "charge",
    "payment_method",
    "setup_intent",
)
_OWNERS = ("customer", "payment_intent", "charge", "subscription", "invoice")
# Sessions use the system time, because buyers open their pages in real time.
_SYSTEM_TIME_PATHS = ("/v1/checkout/", "/v1/billing_portal/", "/v1/test_helpers/")


def new(frozen_time: int, name: str | None = None) -> Obj:
    defaults = {
        "deletes_after": clock.now() + _RETENTION_SECONDS,
        "frozen_time": frozen_time,
        "name": name,
        "status": "ready",
        "status_details": {"advancing": None},
    }
    return storage.put(shapes.new(stripe.test_helpers.TestClock, defaults, {}))


def attach(customer: str, clock_id: str) -> None:
    storage.update_hidden(customer, clock=clock_id)


def customer_ids(clock_id: str) -> list[str]:
    rows = storage.query(
        "SELECT id FROM objects WHERE object = 'customer' AND json_extract(hidden, '$.clock') = ?", clock_id
    )
    return [row["id"] for row in rows]


def find_objects(clock_id: str, *kinds: str) -> list[Obj]:
    return [
        obj
        for customer in customer_ids(clock_id)
        for kind in kinds
        for obj in storage.find(kind, ("customer", "=", customer))
    ]


def delete(clock_id: str) -> None:
    for obj in find_objects(clock_id, *_CUSTOMER_KINDS):
        storage.delete(obj["id"])
    for customer in customer_ids(clock_id):
        storage.put({"id": customer, "object": "customer", "deleted": True})
        storage.update_hidden(customer, clock=None)
    storage.delete(clock_id)


def get_clock_id(customer: str | None) -> str:
    return str(storage.get_hidden(customer or "").get("clock") or "")


def get_frozen_time(clock_id: str) -> int | None:
    found = storage.get(clock_id, KIND) if clock_id else None
    return found["frozen_time"] if found else None


def customer_time(customer: str | None) -> AbstractContextManager[None]:
    """Use the time of the customer's test clock, if there is one."""
    return clock.freeze_at(get_frozen_time(get_clock_id(customer)))


def request_time(call: Call) -> AbstractContextManager[None]:
    if call.path.startswith(_SYSTEM_TIME_PATHS):
        return clock.freeze_at(None)
    if isinstance(clock_id := call.params.get("test_clock"), str):
        return clock.freeze_at(get_frozen_time(clock_id))
    objects = (storage.get(str(call.args.get("id") or call.params.get(name) or "")) for name in _OWNERS)
    return object_time(next((obj for obj in objects if obj), {}))


def object_time(obj: Obj) -> AbstractContextManager[None]:
    return customer_time(_customer_id(obj))


def _customer_id(obj: Obj) -> str | None:
    if obj.get("object") == "customer":
        return str(obj["id"])
    owner = obj.get("customer")
    if owner is None and obj.get("charge"):
        owner = (storage.get(obj["charge"]) or {}).get("customer")
    return owner
