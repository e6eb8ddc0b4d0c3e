"""The next due date of a subscription or invoice: the indexed hidden data `due_at` and `clock` of the object."""

import sqlite3
from typing import Any

from .. import clock, events, storage
from ..storage import Obj
from . import clocks

TRIAL_WARNING_SECONDS = 3 * 86400
"""How long before a trial's end customer.subscription.trial_will_end is sent."""
UPCOMING_SECONDS = 7 * 86400
"""How long before a renewal invoice.upcoming is sent. Stripe has a setting for it."""
INCOMPLETE_SECONDS = 23 * 3600
"""How long an incomplete subscription waits for its first payment."""
_ENDED = ("canceled", "incomplete_expired")


def save(subscription: Obj, **changes: Any) -> Obj:
    """Store the changed subscription and its next due date. Emit customer.subscription.updated."""
    after = storage.put(subscription | changes)
    events.emit_updated("customer.subscription", subscription, after)
    return schedule(after)


def schedule(obj: Obj) -> Obj:
    moment = next_for_subscription(obj) if obj["object"] == "subscription" else next_for_invoice(obj)
    storage.update_hidden(obj["id"], due_at=moment, clock=clocks.get_clock_id(obj["customer"]))
    return obj


def next_for_subscription(subscription: Obj) -> int | None:
    """Return the next trial warning, trial end, renewal, end or resumption in Unix seconds, or None."""
    status = subscription["status"]
    if status in _ENDED:
        return None
    if status == "incomplete":
        return int(subscription["created"] + INCOMPLETE_SECONDS)
    moments = [subscription["cancel_at"], (subscription["pause_collection"] or {}).get("resumes_at")]
    if status != "paused":
        moments.append(period_end(subscription))
    moments += [trial_warning(subscription), renewal_notice(subscription)]
    return min((moment for moment in moments if moment), default=None)


def trial_warning(subscription: Obj) -> int | None:
    """Return when customer.subscription.trial_will_end is due, or None if it was sent."""
    if subscription["status"] != "trialing" or storage.get_hidden(subscription["id"]).get("warned"):
        return None
    return max(int(subscription["trial_end"]) - TRIAL_WARNING_SECONDS, int(subscription["trial_start"]))


def renewal_notice(subscription: Obj) -> int | None:
    """Return when invoice.upcoming is due, or None if there will be no automatic charge or the time has passed."""
    end = period_end(subscription)
    notice, ends_at = end - UPCOMING_SECONDS, subscription["cancel_at"]
    if subscription["status"] not in ("trialing", "active", "past_due") or subscription["pause_collection"]:
        return None
    if notice <= max(period_start(subscription), clock.now()) or (ends_at and ends_at <= end):
        return None
    return notice


def next_for_invoice(invoice: Obj) -> int | None:
    return invoice["next_payment_attempt"] if invoice["status"] in ("draft", "open") else None


def period_end(subscription: Obj) -> int:
    return min(int(item["current_period_end"]) for item in subscription["items"]["data"])


def find_first_due(clock_id: str, until: int) -> sqlite3.Row | None:
    """Return id and `due_at` of the first object that is due until `until`. Clock "" is the system clock."""
    rows = storage.query(
        "SELECT id, json_extract(hidden, '$.due_at') AS due_at FROM objects INDEXED BY objects_due"
        " WHERE json_extract(hidden, '$.due_at') IS NOT NULL AND json_extract(hidden, '$.clock') = ?"
        " AND json_extract(hidden, '$.due_at') <= ? ORDER BY json_extract(hidden, '$.due_at'), seq LIMIT 1",
        clock_id, until,
    )  # fmt: skip
    return rows[0] if rows else None


def period_start(subscription: Obj) -> int:
    return int(subscription["items"]["data"][0]["current_period_start"])
