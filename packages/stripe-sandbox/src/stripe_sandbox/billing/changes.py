"""Changes to a subscription: items, card, cancellation, pause. Each function returns the changed subscription.

https://docs.stripe.com/billing/subscriptions/change
"""

from typing import Any

from .. import clock, errors, storage
from ..calls import empty_to_null, merge_metadata
from ..resources import invoice_items, payment_methods, subscription_schedules, subscriptions
from ..storage import Obj
from . import cycle, discounts, due_dates, items, proration

_COPIED_FIELDS = ("default_payment_method", "description", "pause_collection")


def update(subscription: Obj, params: Obj) -> Obj:
    _check(subscription, params)
    metadata, rows = params.get("metadata"), params.get("items")
    params = empty_to_null(params)
    if rows:
        params["items"] = rows  # "" removes a key of an item's metadata
    changes: Obj = {name: params[name] for name in _COPIED_FIELDS if name in params}
    if pause := params.get("pause_collection"):
        changes["pause_collection"] = {"resumes_at": None} | pause
    if metadata is not None:
        changes["metadata"] = merge_metadata(subscription["metadata"], metadata)
    if "discounts" in params:
        changes["discounts"] = discounts.change(subscription, params["discounts"])
    if "trial_settings" in params:
        changes["trial_settings"] = params["trial_settings"]
    if "cancel_at_period_end" in params or "cancel_at" in params:
        changes |= build_cancellation_fields(subscription, params)
    if details := params.get("cancellation_details"):
        before = (subscription | changes)["cancellation_details"]
        changes["cancellation_details"] = before | empty_to_null(details)
    after = _apply(subscription, changes, params)
    # The period of a paused subscription may have ended.
    if changes.get("cancel_at") and changes["cancel_at"] <= clock.now():
        return subscriptions.end(after)
    return after


def cancel(subscription: Obj, details: Obj | None = None) -> Obj:
    if subscription["status"] in subscriptions.ENDED:
        raise errors.no_such("subscription", subscription["id"])
    with_details = subscription["cancellation_details"] | empty_to_null(details or {})
    return subscriptions.end(subscription | {"cancellation_details": with_details})


def pause(subscription: Obj) -> Obj:
    """Suspend the subscription and its invoices. https://docs.stripe.com/billing/subscriptions/pause"""
    if subscription["status"] not in ("trialing", "active", "past_due", "unpaid"):
        raise errors.ApiError(f"A subscription that is `{subscription['status']}` cannot be paused.")
    return cycle.mark_paused(subscription, "pause_requested")


def resume(subscription: Obj, anchor: str = "now") -> Obj:
    """Start and bill a new period (anchor "now"), or continue the paid period ("unchanged")."""
    if subscription["status"] != "paused":
        raise errors.ApiError("You can only resume a subscription that is paused.")
    now = clock.now()
    changes: Obj = {"status": "active", "status_details": None}
    if anchor == "now":
        changes["billing_cycle_anchor"] = now
        return cycle.mark_resumed(subscription, now, changes)
    if due_dates.period_end(subscription) > now:
        return cycle.mark_resumed(subscription, None, changes)
    return cycle.mark_resumed(subscription, _current_period_start(subscription, now), changes)


def _current_period_start(subscription: Obj, now: int) -> int:
    start = due_dates.period_end(subscription)
    recurring = subscription["items"]["data"][0]["price"]["recurring"]
    while True:
        end = subscriptions.next_boundary(
            subscription["billing_cycle_anchor"], start, recurring["interval"], recurring["interval_count"]
        )
        if end > now:
            return start
        start = end


def _check(subscription: Obj, params: Obj) -> None:
    if subscription["status"] in subscriptions.ENDED and params.keys() - {"metadata", "cancellation_details"}:
        message = "A canceled subscription can only update its cancellation_details and metadata."
        raise errors.ApiError(message)
    subscription_schedules.check_cancellation(subscription, params)
    if "cancel_at" in params and "cancel_at_period_end" in params:
        raise errors.exclusive("cancel_at", "cancel_at_period_end")
    if params.get("default_payment_method"):
        check_payment_method(params["default_payment_method"], subscription["customer"])
    if "trial_end" in params and subscription["status"] in ("paused", "incomplete"):
        message = f"A subscription that is `{subscription['status']}` cannot have a trial."
        raise errors.ApiError(message, param="trial_end")
    if isinstance(at := params.get("cancel_at"), int) and at <= clock.now():
        raise errors.ApiError("`cancel_at` must be in the future.", param="cancel_at")
    if params.get("proration_behavior", "none") != "none":
        _check_proration(subscription, params)
    if isinstance(at := params.get("proration_date"), int):
        _check_proration_date(subscription, params, at)
    resumes_at = (params.get("pause_collection") or {}).get("resumes_at")
    if isinstance(resumes_at, int) and resumes_at <= clock.now():
        message = "`resumes_at` must be in the future."
        raise errors.ApiError(message, param="pause_collection[resumes_at]")


def _check_proration(subscription: Obj, params: Obj) -> None:
    end = due_dates.period_end(subscription)
    if isinstance(at := params.get("cancel_at"), int) and at < end:
        raise errors.unsupported("prorations of a cancellation within a period", "proration_behavior")
    if isinstance(params.get("trial_end"), int) and subscription["status"] != "trialing":
        raise errors.unsupported("prorations of a trial within a paid period", "proration_behavior")


def _check_proration_date(subscription: Obj, params: Obj, at: int) -> None:
    if params.get("proration_behavior") == "none":
        message = "`proration_date` cannot be used with `proration_behavior` set to `none`."
        raise errors.ApiError(message, param="proration_date")
    if not due_dates.period_start(subscription) <= at <= due_dates.period_end(subscription):
        message = "Cannot specify `proration_date` outside of the current subscription period."
        raise errors.ApiError(message, param="proration_date")


def check_payment_method(method_id: str, customer: str, param: str = "default_payment_method") -> None:
    """Raise ApiError unless the payment method is a card of this customer."""
    if payment_methods.load_owned(method_id, customer, param)["type"] != "card":
        raise errors.unsupported("subscriptions paid by anything but a card", param)


def build_cancellation_fields(subscription: Obj, params: Obj) -> Obj:
    ends = [item["current_period_end"] for item in subscription["items"]["data"]]
    at = params.get("cancel_at")
    if params.get("cancel_at_period_end") or at == "min_period_end":
        at = min(ends)
    elif at == "max_period_end":
        at = max(ends)
    details = {"reason": "cancellation_requested" if at else None}
    if not at:
        details |= {"comment": None, "feedback": None}
    return {
        "cancel_at": at,
        "cancel_at_period_end": bool(params.get("cancel_at_period_end")),
        "canceled_at": clock.now() if at else None,
        "cancellation_details": subscription["cancellation_details"] | details,
    }


def _apply(subscription: Obj, changes: Obj, params: Obj) -> Obj:
    if "items" in params:
        rows = items.change(subscription, params["items"])
        changes["items"] = subscription["items"] | {"data": rows}
    else:
        rows = subscription["items"]["data"]
    behavior = params.get("proration_behavior", "create_prorations")
    restarts = "trial_end" not in params and _starts_new_period(subscription, rows)
    if "items" in params:
        if behavior != "none":
            proration.prorate(subscription, rows, params.get("proration_date") or clock.now(), restarts)
        items.delete_removed(subscription, rows)
    if "trial_end" in params:
        return _set_trial(subscription, changes, params["trial_end"])
    if restarts:
        now = clock.now()
        changes["billing_cycle_anchor"] = now
        return cycle.start_period(subscription, now, "subscription_update", at_once=True, **changes)
    after = due_dates.save(subscription, **changes)
    if behavior == "always_invoice" and invoice_items.find_pending(after):
        return cycle.invoice_pending_items(after, "subscription_update")
    return after


def _starts_new_period(subscription: Obj, rows: list[Obj]) -> bool:
    """Return whether new items are billed at once: with another interval, or paid after a free period."""
    before = subscription["items"]["data"]
    if subscription["status"] not in ("active", "past_due", "unpaid") or rows == before:
        return False
    if items.get_interval(rows[0]) != items.get_interval(before[0]):
        return True
    return not _total(before) and bool(_total(rows))


def _total(rows: list[Obj]) -> int:
    return sum((row["price"]["unit_amount"] or 0) * row["quantity"] for row in rows)


def _set_trial(subscription: Obj, changes: Obj, end: int | str) -> Obj:
    if subscription["status"] == "trialing" and (end == "now" or int(end) <= clock.now()):
        return cycle.end_trial(due_dates.save(subscription, **changes), at_once=True)
    if end == "now":
        return due_dates.save(subscription, **changes)
    if int(end) <= clock.now():
        raise errors.ApiError("`trial_end` must be in the future.", param="trial_end")
    rows = (subscription | changes)["items"]["data"]
    rows = [storage.put(row | {"current_period_end": int(end)}) for row in rows]
    storage.update_hidden(subscription["id"], warned=False)
    trial: dict[str, Any] = {
        "billing_cycle_anchor": int(end),
        "items": subscription["items"] | {"data": rows},
        "status": "trialing",
        "trial_end": int(end),
        "trial_start": subscription["trial_start"] or clock.now(),
    }
    return due_dates.save(subscription, **(changes | trial))
