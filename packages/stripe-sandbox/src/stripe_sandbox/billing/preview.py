"""Preview an invoice: change or renew the subscription, and undo that. https://docs.stripe.com/api/invoices/create_preview"""

from .. import clock, errors, ids, storage
from ..calls import Call, empty_to_null, load
from ..resources import invoice_items, nested_lists, subscriptions
from ..storage import Obj
from . import changes, collection, cycle, due_dates


def create(call: Call) -> Obj:
    """POST /v1/invoices/create_preview, for an existing subscription."""
    params = empty_to_null(call.params)
    details = params.get("subscription_details") or {}
    if params.get("subscription"):
        subscription = load("subscription", params["subscription"], "subscription")
        if params.get("customer") not in (None, subscription["customer"]):
            raise errors.ApiError("The subscription belongs to another customer.", param="subscription")
    elif details:
        raise errors.unsupported("previewing a new subscription", "subscription_details")
    elif params.get("customer"):
        subscription = _find_next(load("customer", params["customer"], "customer"))
    else:
        raise errors.missing("subscription")
    preview = preview_change(subscription, details) if details else preview_renewal(subscription)
    return nested_lists.keep_preview(preview)


def preview_change(subscription: Obj, details: Obj) -> Obj:
    """Return the invoice of the change itself if it causes one, else the next invoice after the change."""
    with storage.discard_changes():
        seen = _newest_created()
        after = changes.update(subscription, details)
        created = _newest_created()
        change_invoice = storage.get(created) if created != seen else None
        invoice = _to_preview(change_invoice, clock.now()) if change_invoice else preview_renewal(after)
    if "items" in details or "trial_end" in details:
        at = details.get("proration_date") or clock.now()
        invoice["parent"]["subscription_details"]["subscription_proration_date"] = at
    return invoice


def preview_renewal(subscription: Obj) -> Obj:
    """Return the next invoice. Raise ApiError if there will be none."""
    end = due_dates.period_end(subscription)
    ends_at = subscription["cancel_at"]
    renews = subscription["status"] not in (*subscriptions.ENDED, "paused") and not (
        ends_at and ends_at <= end
    )
    bills_last_items = ends_at == end and invoice_items.find_pending(subscription)
    if not (renews or bills_last_items):
        raise _none(subscription["customer"])
    with storage.discard_changes(), clock.freeze_at(end):
        seen = _newest_created()
        if not renews:
            cycle.invoice_pending_items(subscription, "upcoming")
        elif subscription["status"] == "trialing":
            cycle.end_trial(subscription)
        else:
            cycle.start_period(subscription, end, "upcoming")
        created = _newest_created()
        if created == seen:  # a trial without a card that ends the subscription
            raise _none(subscription["customer"])
        collected = not (subscription["pause_collection"] or subscription["status"] == "unpaid")
        return _to_preview(storage.get(created) or {}, end + collection.DRAFT_SECONDS if collected else None)


def _to_preview(event: Obj, attempt_at: int | None) -> Obj:
    invoice: Obj = event["data"]["object"]
    invoice_id = f"upcoming_{ids.new('invoice')}"
    lines = [line | {"invoice": invoice_id} for line in invoice["lines"]["data"]]
    shown = {
        "id": invoice_id,
        "billing_reason": "upcoming",
        "lines": invoice["lines"] | {"data": lines, "url": f"/v1/invoices/{invoice_id}/lines"},
        "next_payment_attempt": attempt_at,
    }
    return invoice | shown


def _newest_created() -> str:
    found, _ = storage.page("event", ("type", "=", "invoice.created"), limit=1)
    return str(found[0]["id"]) if found else ""


def _find_next(customer: Obj) -> Obj:
    found = [
        subscription
        for subscription in storage.find("subscription", ("customer", "=", customer["id"]))
        if subscription["status"] not in (*subscriptions.ENDED, "paused") and not subscription["cancel_at"]
    ]
    if not found:
        raise _none(customer["id"])
    return min(found, key=due_dates.period_end)


def _none(customer: str) -> errors.ApiError:
    message = f"No upcoming invoices for customer: {customer}"
    return errors.ApiError(message, code="invoice_upcoming_none", status=404)
