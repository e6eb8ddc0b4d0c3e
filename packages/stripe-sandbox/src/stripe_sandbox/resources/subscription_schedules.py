"""Schedules that manage an existing subscription. Their phases can't be changed, so they change nothing by themselves.

https://docs.stripe.com/billing/subscriptions/subscription-schedules
"""

import stripe
from stripe import params as p

from .. import clock, errors, events, shapes, storage
from ..calls import Call, list_objects, load, retrieve
from ..route import LIST, Route
from ..storage import Obj
from . import subscriptions

Schedule = stripe.SubscriptionSchedule


def create(call: Call) -> Obj:
    """POST /v1/subscription_schedules with `from_subscription`: its one phase is the current period."""
    if not call.params.get("from_subscription"):
        raise errors.missing("from_subscription")
    subscription = load("subscription", call.params["from_subscription"], "from_subscription")
    if subscription["schedule"] or subscription["status"] in subscriptions.ENDED:
        message = "You cannot migrate a subscription that is canceled, or already attached to a schedule."
        raise errors.ApiError(message, param="from_subscription")
    schedule = storage.put(shapes.new(Schedule, _defaults(subscription), {}))
    events.emit("subscription_schedule.created", schedule)
    _attach(subscription, schedule["id"])
    return schedule


def release(call: Call) -> Obj:
    """POST /v1/subscription_schedules/{id}/release: the subscription goes on without it."""
    schedule = load("subscription_schedule", call.args["id"])
    if schedule["status"] != "active":
        state = schedule["status"]
        message = f"You cannot release a subscription schedule that is currently in the `{state}` status."
        raise errors.ApiError(message)
    values = {"status": "released", "released_at": clock.now(), "current_phase": None, "subscription": None}
    released = storage.put(schedule | values | {"released_subscription": schedule["subscription"]})
    events.emit("subscription_schedule.released", released)
    _attach(load("subscription", schedule["subscription"]), None)
    return released


def check_cancellation(subscription: Obj, params: Obj) -> None:
    """Raise ApiError if a schedule manages the subscription, and the parameters change when it ends."""
    if subscription["schedule"] and not {"cancel_at", "cancel_at_period_end"}.isdisjoint(params):
        message = (
            f"The subscription is managed by the subscription schedule `{subscription['schedule']}`, and updating any"
            " cancelation behavior directly is not allowed. Please update the schedule instead."
        )
        raise errors.ApiError(message)


def _attach(subscription: Obj, schedule_id: str | None) -> None:
    after = storage.put(subscription | {"schedule": schedule_id})
    events.emit_updated("customer.subscription", subscription, after)


def _defaults(subscription: Obj) -> Obj:
    items = subscription["items"]["data"]
    period = {
        "start_date": items[0]["current_period_start"],
        "end_date": max(item["current_period_end"] for item in items),
    }
    issuer = shapes.fill(Schedule.DefaultSettings.InvoiceSettings.Issuer, type="self")
    return {
        "billing_mode": subscription["billing_mode"],
        "current_phase": period,
        "customer": subscription["customer"],
        "default_settings": shapes.fill(
            Schedule.DefaultSettings,
            billing_cycle_anchor="automatic",
            collection_method=subscription["collection_method"],
            invoice_settings=shapes.fill(Schedule.DefaultSettings.InvoiceSettings, issuer=issuer),
        ),
        "end_behavior": "release",
        "metadata": {},
        "pause_schedules": [],
        "phases": [
            shapes.fill(
                Schedule.Phase,
                **period,
                add_invoice_items=[],
                currency=subscription["currency"],
                discounts=[],
                items=[_phase_item(item) for item in items],
                metadata={},
                proration_behavior="create_prorations",
            )
        ],
        "status": "active",
        "subscription": subscription["id"],
        "test_clock": subscription["test_clock"],
    }


def _phase_item(item: Obj) -> Obj:
    price = item["price"]["id"]
    return shapes.fill(
        Schedule.Phase.Item, discounts=[], metadata={}, plan=price, price=price, quantity=item["quantity"]
    )


# fmt: off
ROUTES = (
    Route("GET", "/v1/subscription_schedules", list_objects("subscription_schedule", scheduled=lambda scheduled:
          ("status", "=" if scheduled else "!=", "not_started")), p.SubscriptionScheduleListParams,
          LIST + "canceled_at completed_at customer released_at scheduled"),
    Route("POST", "/v1/subscription_schedules", create, p.SubscriptionScheduleCreateParams, "from_subscription"),
    Route("GET", "/v1/subscription_schedules/{id}", retrieve("subscription_schedule"),
          p.SubscriptionScheduleRetrieveParams),
    Route("POST", "/v1/subscription_schedules/{id}/release", release, p.SubscriptionScheduleReleaseParams),
)
# fmt: on
