"""Handlers of /v1/subscriptions, /v1/invoices and /v1/test_helpers/test_clocks.

https://docs.stripe.com/api/subscriptions, /api/invoices/pay and /api/test_clocks
"""

from .. import account_state, clock, errors, events, storage
from ..calls import Call, empty_to_null, load
from ..resources import customer_billing, invoices, subscriptions
from ..storage import Obj
from . import changes, clocks, collection, discounts, due_dates, engine, items

_YEAR = 365 * 86400


def create_subscription(call: Call) -> Obj:
    """POST /v1/subscriptions: bill at once. If the card is declined, it stays `incomplete`."""
    account_state.check_charges()
    params = empty_to_null(call.params)
    for name in ("customer", "items"):
        if not params.get(name):
            raise errors.missing(name)
    customer = load("customer", params["customer"], "customer")["id"]
    if params.get("default_payment_method"):
        changes.check_payment_method(params["default_payment_method"], customer)
    trial_end = subscriptions.trial_end(params) if params.get("trial_end") != "now" else None
    currency = (params.get("currency") or "").lower()
    rows = items.parse_new(params["items"], currency)
    currency = currency or rows[0][0]["currency"]
    customer_billing.check_currency(customer, currency)
    fields = {
        name: params[name] for name in ("description", "metadata", "trial_settings") if params.get(name)
    }
    subscription = subscriptions.new(
        customer,
        rows,
        params.get("default_payment_method"),
        trial_end,
        currency,
        status="trialing" if trial_end else "incomplete",
        **fields,
    )
    subscription = items.set_metadata(subscription, params["items"])
    if params.get("discounts"):
        subscription = storage.update(
            subscription["id"], discounts=discounts.change(subscription, params["discounts"])
        )
    if params.get("cancel_at_period_end") or params.get("cancel_at"):
        ending = {name: params[name] for name in ("cancel_at_period_end", "cancel_at") if params.get(name)}
        subscription = storage.put(subscription | changes.build_cancellation_fields(subscription, ending))
    return _first_invoice(subscription)


def update_subscription(call: Call) -> Obj:
    return changes.update(load("subscription", call.args["id"]), call.params)


def cancel_subscription(call: Call) -> Obj:
    return changes.cancel(load("subscription", call.args["id"]), call.params.get("cancellation_details"))


def pause_subscription(call: Call) -> Obj:
    return changes.pause(load("subscription", call.args["id"]))


def resume_subscription(call: Call) -> Obj:
    anchor = call.params.get("billing_cycle_anchor", {}).get("type", "now")
    return changes.resume(load("subscription", call.args["id"]), anchor)


def pay_invoice(call: Call) -> Obj:
    """POST /v1/invoices/{id}/pay. A decline is 402 with the payment intent; the attempt is committed."""
    invoice = load("invoice", call.args["id"])
    if invoice["status"] not in ("draft", "open", "uncollectible"):
        state = "already paid" if invoice["status"] == "paid" else f"`{invoice['status']}` and cannot be paid"
        raise errors.ApiError(f"Invoice is {state}.")
    if call.params.get("paid_out_of_band"):
        return collection.settle_outside_stripe(collection.finalize(invoice))
    method = call.params.get("payment_method", "")
    if method:
        changes.check_payment_method(method, invoice["customer"], "payment_method")
    after = collection.pay(invoice, method)
    if after["status"] != "paid":
        raise _declined(collection.get_payment_intent(after) or {})
    return after


def attach_payment(call: Call) -> Obj:
    """POST /v1/invoices/{id}/attach_payment, with a payment outside Stripe. It is credited to the invoice at once."""
    invoice = load("invoice", call.args["id"])
    if not call.params.get("payment_record"):
        raise errors.missing("payment_record")
    record = load("payment_record", call.params["payment_record"], "payment_record")
    if invoice["status"] not in ("open", "uncollectible"):
        raise errors.ApiError(f"Payments cannot be attached to an invoice that is `{invoice['status']}`.")
    amount = record["amount_guaranteed"]
    if amount["currency"] != invoice["currency"]:
        message = "The currency of the payment record must match the currency of the invoice."
        raise errors.ApiError(message, param="payment_record")
    if storage.find("invoice_payment", ("payment.payment_record", "=", record["id"])):
        raise errors.unsupported("payment records of several invoices", "payment_record")
    if not invoice["parent"] or amount["value"] > invoice["amount_remaining"]:
        raise errors.unsupported("payment records of one-time sales and overpayments", "payment_record")
    return collection.credit_record(invoice, record)


def create_clock(call: Call) -> Obj:
    test_clock = clocks.new(call.params["frozen_time"], name=call.params.get("name"))
    with clock.freeze_at(test_clock["frozen_time"]):
        events.emit("test_helpers.test_clock.created", test_clock)
    return test_clock


def advance_clock(call: Call) -> Obj:
    """POST /v1/test_helpers/test_clocks/{id}/advance, at most by two intervals of the shortest subscription."""
    test_clock, target = load(clocks.KIND, call.args["id"]), call.params["frozen_time"]
    intervals = [
        _seconds(item["price"]["recurring"])
        for subscription in clocks.find_objects(test_clock["id"], "subscription")
        for item in subscription["items"]["data"]
        if subscription["status"] not in subscriptions.ENDED
    ]
    furthest = 2 * min(intervals) if intervals else 2 * _YEAR + 86400
    if target - test_clock["frozen_time"] > furthest:
        message = (
            "You can advance a test clock by at most two intervals of its shortest subscription at a time"
            " (two years without one)."
        )
        raise errors.ApiError(message, param="frozen_time")
    return engine.start(test_clock["id"], target)


def delete_clock(call: Call) -> Obj:
    """DELETE /v1/test_helpers/test_clocks/{id}: its customers and their objects are deleted, too."""
    test_clock = load(clocks.KIND, call.args["id"])
    clocks.delete(test_clock["id"])
    events.emit("test_helpers.test_clock.deleted", test_clock)
    return {"id": test_clock["id"], "object": clocks.KIND, "deleted": True}


def _first_invoice(subscription: Obj) -> Obj:
    free = subscription["status"] == "trialing" or not any(
        item["price"]["unit_amount"] for item in subscription["items"]["data"]
    )
    if not free and collection.find_payment_method(subscription) is None:
        message = (
            "This customer has no attached payment source or default payment method. Please consider adding a default"
            " payment method."
        )
        raise errors.ApiError(message, code="resource_missing")
    invoice = invoices.new(subscription, status="draft")
    subscription = due_dates.schedule(storage.update(subscription["id"], latest_invoice=invoice["id"]))
    events.emit("customer.subscription.created", subscription)
    events.emit("invoice.created", invoice)
    collection.start_collection(invoice, at_once=True)
    return storage.get(subscription["id"]) or {}


def _declined(intent: Obj) -> errors.Declined:
    if intent.get("status") == "requires_action":
        message = (
            "This payment requires additional user action before it can be completed successfully. Payment can be"
            " completed using the PaymentIntent associated with the invoice."
        )
        return errors.Declined(message, "invoice_payment_intent_requires_action", payment_intent=intent)
    error = intent.get("last_payment_error") or {
        "message": "There is no payment method to charge.",
        "code": "missing",
    }
    details = {name: error[name] for name in ("decline_code", "charge", "payment_method") if error.get(name)}
    return errors.Declined(error["message"], error["code"], payment_intent=intent, **details)


def _seconds(recurring: Obj) -> int:
    days = {"day": 1, "week": 7, "month": 31, "year": 366}[recurring["interval"]]
    return days * 86400 * int(recurring["interval_count"])
