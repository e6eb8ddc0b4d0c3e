"""What the control panel's buttons do to time and to renewals."""

from .. import clock, storage
from ..storage import Obj
from . import clocks, collection, due_dates, engine

_AFTERWARDS = collection.DRAFT_SECONDS + 60
"""Seconds after a period's end at which its invoice has been attempted."""


def advance(object_id: str, seconds: int) -> Obj:
    """Let that much time pass for a customer (named by its id or a subscription's), with all that falls due.

    A customer without a test clock gets one behind the scenes, set to the present. Return it. Raises KeyError for
    an unknown id, ApiError while the clock is moving.
    """
    with storage.transaction():
        obj = storage.get(object_id)
        if obj is None:
            raise KeyError(object_id)
        clock_id = _clock(obj["id"] if obj["object"] == "customer" else obj["customer"])
        engine.start(clock_id, (clocks.time_of(clock_id) or 0) + seconds)
    return storage.get(clock_id) or {}


def advance_to_renewal(subscription_id: str) -> Obj:
    """Advance until the current period (or trial) is over and its invoice has been attempted. Return the clock."""
    subscription = storage.get(subscription_id, "subscription")
    if subscription is None:
        raise KeyError(subscription_id)
    now = clocks.time_of(clocks.id_for(subscription["customer"])) or clock.now()
    return advance(subscription_id, max(due_dates.period_end(subscription) + _AFTERWARDS - now, 60))


def fail_next_renewal(subscription_id: str) -> None:
    """The next renewal's invoice will be declined, at every attempt, until another card pays it."""
    storage.hide(subscription_id, fail_next=True)


def _clock(customer: str) -> str:
    """The customer's clock; a new one, which the objects themselves don't show, if there is none."""
    known = clocks.id_for(customer)
    if known:
        return known
    made = clocks.new(clock.now(), name="Control panel")["id"]
    clocks.attach(customer, made)
    for obj in clocks.belongings(made, "subscription", "invoice"):
        due_dates.schedule(obj)
    return str(made)
