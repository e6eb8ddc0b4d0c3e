"""What time does to a subscription: the trial ends, a period ends and the next is billed, the subscription ends.

https://docs.stripe.com/billing/subscriptions/overview
"""

from typing import Any

from .. import clock, events, storage
from ..resources import invoices, subscriptions
from ..storage import Obj
from . import collection, due_dates


def step(subscription: Obj) -> None:
    """Do what is due for it now."""
    now = clock.now()
    if subscription["status"] == "incomplete":
        _give_up(subscription)
    elif subscription["cancel_at"] and subscription["cancel_at"] <= now:
        subscriptions.end(
            subscription, subscription["cancellation_details"]["reason"] or "cancellation_requested"
        )
    elif ((subscription["pause_collection"] or {}).get("resumes_at") or now + 1) <= now:
        due_dates.save(subscription, pause_collection=None)
    elif subscription["status"] != "trialing":
        open_period(subscription, due_dates.period_end(subscription), "subscription_cycle")
    elif subscription["trial_end"] <= now:
        end_trial(subscription)
    else:
        storage.hide(subscription["id"], warned=True)
        events.emit("customer.subscription.trial_will_end", subscription)
        due_dates.schedule(subscription)


def end_trial(subscription: Obj, at_once: bool = False) -> Obj:
    """The first paid period begins now. Without a card to charge, the subscription's trial_settings decide."""
    without_card = subscription["trial_settings"]["end_behavior"]["missing_payment_method"]
    if collection.payment_method(subscription) is None and without_card != "create_invoice":
        if without_card == "pause":
            return paused(subscription, "trial_end_without_payment_method")
        return subscriptions.end(subscription, "cancellation_requested")
    now = clock.now()
    fields = {"status": "active", "trial_end": now, "billing_cycle_anchor": now}
    return open_period(subscription, now, "subscription_cycle", at_once, **fields)


def paused(subscription: Obj, why: str) -> Obj:
    """No access and no bills until it is resumed."""
    details = {"subscription": {"type": why}, "transitioned_at": clock.now(), "type": "subscription"}
    after = due_dates.save(subscription, status="paused", status_details={"paused": details})
    events.emit("customer.subscription.paused", after)
    return after


def open_period(subscription: Obj, start: int, reason: str, at_once: bool = False, **changes: Any) -> Obj:
    """Begin the period that starts at `start` and bill it: in an hour, as Stripe does at renewals, or at once.

    `changes` are further fields of the subscription. Return it as it stands after that.
    """
    after = subscription | changes
    rows = [_in_period(item, after["billing_cycle_anchor"], start) for item in after["items"]["data"]]
    changes["items"] = after["items"] | {"data": rows}
    period: Obj = {"period_start": due_dates.period_start(subscription), "period_end": start}
    invoice = invoices.new(after | changes, reason, status="draft", **period)
    if reason == "subscription_cycle" and storage.hidden(subscription["id"]).get("fail_next"):
        declined = collection.payment_method(subscription) or {}
        storage.hide(invoice["id"], declines=declined.get("id"))
        storage.hide(subscription["id"], fail_next=None)
    due_dates.save(subscription, latest_invoice=invoice["id"], **changes)
    events.emit("invoice.created", invoice)
    collection.begin(invoice, at_once)
    return storage.get(subscription["id"]) or {}


def _in_period(item: Obj, anchor: int, start: int) -> Obj:
    recurring = item["price"]["recurring"]
    end = subscriptions.next_boundary(anchor, start, recurring["interval"], recurring["interval_count"])
    return storage.put(item | {"current_period_start": start, "current_period_end": end})


def _give_up(subscription: Obj) -> None:
    """End a subscription whose first invoice was not paid within 23 hours."""
    due_dates.save(subscription, status="incomplete_expired", ended_at=clock.now())
    for invoice in collection.open_invoices(subscription["customer"], subscription["id"]):
        collection.void(invoice)


def resumed(subscription: Obj, start: int | None, changes: Obj) -> Obj:
    """Active again after a pause; a period that starts at `start` is billed at once, None bills nothing."""
    if start is None:
        after = due_dates.save(subscription, **changes)
    else:
        after = open_period(subscription, start, "subscription_update", at_once=True, **changes)
    events.emit("customer.subscription.resumed", after)
    return after
