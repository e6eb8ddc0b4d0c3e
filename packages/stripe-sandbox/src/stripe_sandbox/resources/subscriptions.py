"""Subscriptions. The package `billing` changes them as time passes. https://docs.stripe.com/api/subscriptions"""

import calendar
from datetime import UTC, datetime
from typing import Any

import stripe

from .. import clock, events, ids, shapes, storage
from ..billing import due_dates
from ..calls import Call, list_page, to_filters
from ..storage import Filter, Obj
from . import customer_billing, invoice_items

ENDED = frozenset({"canceled", "incomplete_expired"})


def new(
    customer: str,
    items: list[tuple[Obj, int]],
    payment_method: str | None,
    trial_end: int | None = None,
    currency: str = "",
    **fields: Any,
) -> Obj:
    """Store a subscription to (price, quantity) pairs, by default in the currency of the first price.

    It is trialing until `trial_end` (Unix seconds), else active.
    """
    start, subscription_id = clock.now(), ids.new("subscription")
    price = items[0][0]
    currency = currency or price["currency"]
    customer_billing.set_currency(customer, currency)
    end = trial_end or add_interval(
        start, price["recurring"]["interval"], price["recurring"]["interval_count"]
    )
    rows = [new_item(subscription_id, price, quantity, start, end) for price, quantity in reversed(items)]
    defaults: Obj = {
        "id": subscription_id,
        "automatic_tax": shapes.fill(stripe.Subscription.AutomaticTax, enabled=False),
        "billing_cycle_anchor": end if trial_end else start,
        "billing_mode": {
            "type": "flexible",
            "flexible": {"proration_discounts": "included"},
            "updated_at": None,
        },
        "billing_schedules": [],
        "cancel_at_period_end": False,
        "cancellation_details": shapes.fill(stripe.Subscription.CancellationDetails),
        "collection_method": "charge_automatically",
        "created": start,
        "currency": currency,
        "customer": customer,
        "default_payment_method": payment_method,
        "default_tax_rates": [],
        "discounts": [],
        "invoice_settings": shapes.fill(
            stripe.Subscription.InvoiceSettings,
            issuer=shapes.fill(stripe.Subscription.InvoiceSettings.Issuer, type="self"),
        ),
        "items": shapes.list_object(rows[::-1], f"/v1/subscription_items?subscription={subscription_id}"),
        "metadata": {},
        "payment_settings": shapes.fill(
            stripe.Subscription.PaymentSettings,
            payment_method_options=None,
            payment_method_types=None,
            save_default_payment_method="off",
        ),
        "start_date": start,
        "status": "trialing" if trial_end else "active",
        "trial_end": trial_end,
        "trial_settings": {"end_behavior": {"missing_payment_method": "create_invoice"}},
        "trial_start": start if trial_end else None,
    }
    defaults["test_clock"] = (storage.get(customer, "customer") or {}).get("test_clock")
    return due_dates.schedule(storage.put(shapes.new(stripe.Subscription, defaults, fields)))


def listing(call: Call) -> Obj:
    """GET /v1/subscriptions: without canceled ones by default, and with those of a test clock only if named."""
    status = call.params.get("status")
    by_status: dict[str | None, list[Filter]] = {
        "all": [],
        None: [("status", "!=", "canceled")],
        "ended": [("status", "IN", sorted(ENDED))],
    }
    filters = by_status.get(status, [("status", "=", status)])
    if "customer" in call.params:
        filters = [*filters, ("customer", "=", call.params["customer"])]
    if "test_clock" in call.params or "customer" not in call.params:
        filters = [*filters, ("test_clock", "IS", call.params.get("test_clock"))]
    return list_page(call, "subscription", *filters, *to_filters("created", call.params.get("created", {})))


def end(subscription: Obj, reason: str = "cancellation_requested") -> Obj:
    """Cancel now, and emit customer.subscription.deleted.

    Open invoices are not attempted again, and pending prorations are deleted.
    """
    now = clock.now()
    invoice_items.delete_pending(subscription)
    details = subscription["cancellation_details"] | {"reason": reason}
    changes: Obj = {"status": "canceled", "ended_at": now, "cancellation_details": details}
    changes["canceled_at"] = subscription["canceled_at"] or now
    if "status_details" in subscription:
        changes["status_details"] = None
    after = due_dates.schedule(storage.put(subscription | changes))
    events.emit("customer.subscription.deleted", after)
    if schedule := storage.get(after["schedule"] or "", "subscription_schedule"):
        canceled = storage.put(schedule | {"status": "canceled", "canceled_at": now, "current_phase": None})
        events.emit("subscription_schedule.canceled", canceled)
    for invoice in storage.find(
        "invoice",
        ("customer", "=", after["customer"]),
        ("parent.subscription_details.subscription", "=", after["id"]),
        ("status", "IN", ["draft", "open"]),
    ):
        due_dates.schedule(storage.put(invoice | {"auto_advance": False, "next_payment_attempt": None}))
    return after


def trial_end(data: Obj) -> int | None:
    """Return when a trial that starts now ends (Unix seconds), by a session's `subscription_data`, or None."""
    days = data.get("trial_period_days")
    return clock.now() + days * 86400 if days else data.get("trial_end")


def add_interval(start: int, interval: str, count: int) -> int:
    """Return `start` plus `count` intervals (Unix seconds). The 31st becomes the last day of a shorter month."""
    if interval in ("day", "week"):
        return start + count * {"day": 86400, "week": 604800}[interval]
    began = datetime.fromtimestamp(start, UTC)
    year, month = divmod(began.month - 1 + count * (12 if interval == "year" else 1), 12)
    year, month = began.year + year, month + 1
    day = min(began.day, calendar.monthrange(year, month)[1])
    return int(began.replace(year=year, month=month, day=day).timestamp())


def next_boundary(anchor: int, start: int, interval: str, count: int) -> int:
    """Return the end of the period after `start` (Unix seconds). Counting from `anchor` keeps the 31st."""
    if interval in ("day", "week"):
        length = add_interval(0, interval, count)
        return anchor + ((start - anchor) // length + 1) * length
    months = count * (12 if interval == "year" else 1)
    number = max((start - anchor) // (31 * 86400 * months), 1)
    while (boundary := add_interval(anchor, "month", number * months)) <= start:
        number += 1
    return boundary


def new_item(subscription: str, price: Obj, quantity: int, start: int, end: int) -> Obj:
    defaults = {
        "current_period_end": end,
        "current_period_start": start,
        "discounts": [],
        "metadata": {},
        "plan": legacy_plan(price),
        "price": price,
        "quantity": quantity,
        "subscription": subscription,
        "tax_rates": [],
    }
    return storage.put(shapes.new(stripe.SubscriptionItem, defaults, {}), parent=subscription)


def legacy_plan(price: Obj) -> Obj:
    """Return the price as a plan, which Stripe still includes for old code."""
    terms = price | price["recurring"]
    same = {name: terms[name] for name in stripe.Plan.__annotations__ if name in terms and name != "object"}
    amounts = {"amount": price["unit_amount"], "amount_decimal": price["unit_amount_decimal"]}
    return shapes.fill(stripe.Plan, object="plan", **same, **amounts)
