"""Perform what is due for a subscription: end its trial, renew it, end it, or emit an event before that."""

from .. import clock, errors, events, storage
from ..resources import invoice_items, subscriptions
from ..storage import Obj
from . import cycle, due_dates, preview


def process(subscription: Obj) -> None:
    now, trialing = clock.now(), subscription["status"] == "trialing"
    if subscription["status"] == "incomplete":
        cycle.expire_incomplete(subscription)
    elif subscription["cancel_at"] and subscription["cancel_at"] <= now:
        _end(subscription)
    elif ((subscription["pause_collection"] or {}).get("resumes_at") or now + 1) <= now:
        due_dates.save(subscription, pause_collection=None)
    elif trialing and subscription["trial_end"] <= now:
        cycle.end_trial(subscription)
    elif not trialing and due_dates.period_end(subscription) <= now:
        cycle.start_period(subscription, due_dates.period_end(subscription), "subscription_cycle")
    elif (due_dates.trial_warning(subscription) or now + 1) <= now:
        storage.update_hidden(subscription["id"], warned=True)
        events.emit("customer.subscription.trial_will_end", subscription)
        due_dates.schedule(subscription)
    else:
        _announce_renewal(subscription)
        due_dates.schedule(subscription)


def _end(subscription: Obj) -> None:
    """Collect pending prorations at the end of the last period. https://docs.stripe.com/billing/subscriptions/cancel"""
    at_period_end = subscription["cancel_at"] >= due_dates.period_end(subscription)
    if at_period_end and invoice_items.find_pending(subscription):
        subscription = cycle.invoice_pending_items(subscription, "subscription_cycle")
    reason = subscription["cancellation_details"]["reason"] or "cancellation_requested"
    subscriptions.end(subscription, reason)


def _announce_renewal(subscription: Obj) -> None:
    """Emit invoice.upcoming. Its invoice has no id, as Stripe's. https://docs.stripe.com/api/events/types"""
    try:
        invoice = preview.preview_renewal(subscription)
    except errors.ApiError:  # a trial without a card ends without an invoice
        return
    del invoice["id"]
    events.emit("invoice.upcoming", invoice)
