from .. import clock, storage
from ..storage import Obj
from . import clocks, collection, due_dates, engine

_RENEWAL_SECONDS = collection.DRAFT_SECONDS + 60
"""How long after a period's end its invoice was attempted."""


def advance(object_id: str, seconds: int) -> Obj:
    """Advance the clock of a customer. `object_id` is the id of the customer or of a subscription.

    Create a test clock if the customer has none. Raise KeyError for an unknown id, ApiError if the clock is advancing.
    """
    with storage.transaction():
        obj = storage.get(object_id)
        if obj is None:
            raise KeyError(object_id)
        clock_id = _clock(obj["id"] if obj["object"] == "customer" else obj["customer"])
        engine.start(clock_id, (clocks.get_frozen_time(clock_id) or 0) + seconds)
    return storage.get(clock_id) or {}


def advance_to_renewal(subscription_id: str) -> Obj:
    subscription = storage.get(subscription_id, "subscription")
    if subscription is None:
        raise KeyError(subscription_id)
    now = clocks.get_frozen_time(clocks.get_clock_id(subscription["customer"])) or clock.now()
    return advance(subscription_id, max(due_dates.period_end(subscription) + _RENEWAL_SECONDS - now, 60))


def fail_next_renewal(subscription_id: str) -> None:
    storage.update_hidden(subscription_id, fail_next=True)


def _clock(customer: str) -> str:
    """Return the customer's test clock. Create one if needed, which the API does not show."""
    existing = clocks.get_clock_id(customer)
    if existing:
        return existing
    clock_id = clocks.new(clock.now(), name="Control panel")["id"]
    clocks.attach(customer, clock_id)
    for obj in clocks.find_objects(clock_id, "subscription", "invoice"):
        due_dates.schedule(obj)
    return str(clock_id)
