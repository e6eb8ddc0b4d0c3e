"""The cycle of a subscription: its trial ends, it renews, it ends.

https://docs.stripe.com/billing/subscriptions/overview
"""

from typing import Any

from .. import clock, events, storage
from ..resources import invoices, subscriptions
from ..storage import Obj
from . import collection, due_dates


def end_trial(subscription: Obj, at_once: bool = False) -> Obj:
    without_card = subscription["trial_settings"]["end_behavior"]["missing_payment_method"]
    if collection.find_payment_method(subscription) is None and without_card != "create_invoice":
        if without_card == "pause":
            return mark_paused(subscription, "trial_end_without_payment_method")
        return subscriptions.end(subscription, "cancellation_requested")
    now = clock.now()
    fields = {"status": "active", "trial_end": now, "billing_cycle_anchor": now}
    return start_period(subscription, now, "subscription_cycle", at_once, **fields)


def mark_paused(subscription: Obj, reason: str) -> Obj:
    details = {"subscription": {"type": reason}, "transitioned_at": clock.now(), "type": "subscription"}
    after = due_dates.save(subscription, status="paused", status_details={"paused": details})
    events.emit("customer.subscription.paused", after)
    return after


def start_period(subscription: Obj, start: int, reason: str, at_once: bool = False, **changes: Any) -> Obj:
    """Start a period and bill it: at once, or in an hour as Stripe does at renewals.

    `changes` are additional fields of the subscription. Return the changed subscription.
    """
    after = subscription | changes
    rows = [_start_item_period(item, after["billing_cycle_anchor"], start) for item in after["items"]["data"]]
    changes["items"] = after["items"] | {"data": rows}
    period: Obj = {"period_start": due_dates.period_start(subscription), "period_end": start}
    invoice = invoices.new(after | changes, reason, status="draft", **period)
    if reason == "subscription_cycle" and storage.get_hidden(subscription["id"]).get("fail_next"):
        declined = collection.find_payment_method(subscription) or {}
        storage.update_hidden(invoice["id"], declines=declined.get("id"))
        storage.update_hidden(subscription["id"], fail_next=None)
    due_dates.save(subscription, latest_invoice=invoice["id"], **changes)
    events.emit("invoice.created", invoice)
    collection.start_collection(invoice, at_once)
    return storage.get(subscription["id"]) or {}


def invoice_pending_items(subscription: Obj, reason: str) -> Obj:
    """Bill the pending prorations at once. Return the changed subscription."""
    period: Obj = {"period_start": due_dates.period_start(subscription), "period_end": clock.now()}
    invoice = invoices.new(subscription, reason, only_pending_items=True, status="draft", **period)
    due_dates.save(subscription, latest_invoice=invoice["id"])
    events.emit("invoice.created", invoice)
    collection.start_collection(invoice, at_once=True)
    return storage.get(subscription["id"]) or {}


def _start_item_period(item: Obj, anchor: int, start: int) -> Obj:
    recurring = item["price"]["recurring"]
    end = subscriptions.next_boundary(anchor, start, recurring["interval"], recurring["interval_count"])
    return storage.put(item | {"current_period_start": start, "current_period_end": end})


def expire_incomplete(subscription: Obj) -> None:
    due_dates.save(subscription, status="incomplete_expired", ended_at=clock.now())
    for invoice in collection.find_open_invoices(subscription["customer"], subscription["id"]):
        collection.void(invoice)


def mark_resumed(subscription: Obj, start: int | None, changes: Obj) -> Obj:
    """Reactivate after a pause. With a `start`, start and bill a new period."""
    if start is None:
        after = due_dates.save(subscription, **changes)
    else:
        after = start_period(subscription, start, "subscription_update", at_once=True, **changes)
    events.emit("customer.subscription.resumed", after)
    return after
