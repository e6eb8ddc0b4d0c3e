"""Collect an invoice: finalize, charge and retry it, and update the status of its subscription.

https://docs.stripe.com/billing/subscriptions/overview and /billing/revenue-recovery/smart-retries
"""

from typing import Any

from .. import clock, events, origin, presentment, storage, switches
from ..resources import customer_billing, invoices, payment_intents, subscriptions
from ..storage import Obj
from . import charging, due_dates

DRAFT_SECONDS = 3600
"""How long a renewal's invoice stays a draft before it is finalized and attempted."""
RETRY_SECONDS = tuple(days * 86400 for days in (3, 5, 5))
"""Delays between attempts: four in 13 days. Stripe's Smart Retries vary within two weeks by default."""


def start_collection(invoice: Obj, at_once: bool) -> Obj:
    subscription = _load_subscription(invoice)
    behavior = (subscription["pause_collection"] or {}).get("behavior")
    if subscription["status"] == "unpaid" or behavior == "keep_as_draft":
        return invoice
    if behavior:
        end = void if behavior == "void" else _write_off
        return end(finalize(invoice))
    if at_once:
        return attempt(finalize(invoice))
    due = clock.now() + DRAFT_SECONDS
    fields = {"auto_advance": True, "automatically_finalizes_at": due, "next_payment_attempt": due}
    return due_dates.schedule(storage.put(invoice | fields))


def attempt_due(invoice: Obj) -> None:
    attempt(finalize(invoice), automatic=True)


def finalize(invoice: Obj) -> Obj:
    """Open a draft: set its number, create its payment intent, emit invoice.finalized. Ignore other invoices."""
    if invoice["status"] != "draft":
        return invoice
    now = clock.now()
    fields = {
        "automatically_finalizes_at": None,
        "effective_at": now,
        "hosted_invoice_url": f"{origin.current()}/stripe-sandbox/receipts/{invoice['id']}",
        "number": invoices.next_number(invoice["customer"]),
        "status": "open",
        "status_transitions": invoice["status_transitions"] | {"finalized_at": now},
        "webhooks_delivered_at": now,
    }
    invoice = customer_billing.apply_balance(invoice | fields)
    events.emit("invoice.finalized", invoice)
    if invoice["amount_due"]:
        intent = payment_intents.new(
            invoice["amount_due"],
            invoice["currency"],
            customer=invoice["customer"],
            description="Subscription update" if invoice["parent"] else "Payment for Invoice",
            receipt_email=None,
            **presentment.build_renewal_fields(invoice, _load_subscription(invoice)),
        )
        events.emit("payment_intent.created", intent)
        invoices.get_or_create_payment(invoice, intent["id"])
    return invoice


def pay(invoice: Obj, payment_method_id: str = "") -> Obj:
    return attempt(finalize(invoice), storage.get(payment_method_id, "payment_method"))


def attempt(invoice: Obj, method: Obj | None = None, automatic: bool = False) -> Obj:
    """Charge the open invoice. Only `automatic` attempts count as retries."""
    intent = get_payment_intent(invoice)
    if intent is None:
        return settle(invoice)
    method = method or find_payment_method(_load_subscription(invoice) or invoice)
    refusal = charging.find_decline(method, declined=storage.get_hidden(invoice["id"]).get("declines"))
    return _record_attempt(invoice, charging.charge(intent, method, refusal), automatic)


def authenticate(invoice: Obj, passed: bool) -> Obj:
    intent = get_payment_intent(invoice)
    if intent is None or intent["status"] != "requires_action":
        return invoice
    return _record_attempt(invoice, charging.authenticate(intent, passed), automatic=False)


def settle(invoice: Obj, intent: Obj | None = None, **fields: Any) -> Obj:
    """Mark the invoice paid. If it is the latest one, its subscription becomes active."""
    paid = invoices.pay(invoice | fields, intent["id"] if intent else None)
    paid = due_dates.schedule(storage.put(paid | {"auto_advance": False, "next_payment_attempt": None}))
    events.emit_updated("invoice", invoice, paid)
    events.emit("invoice.paid", paid)
    events.emit("invoice.payment_succeeded", paid)
    if intent:
        events.emit("invoice_payment.paid", invoices.get_or_create_payment(paid, intent["id"]))
    subscription = _load_subscription(paid)
    if (
        subscription.get("status") in ("incomplete", "past_due", "unpaid")
        and subscription["latest_invoice"] == paid["id"]
    ):
        due_dates.save(subscription, status="active")
    return paid


def settle_outside_stripe(invoice: Obj) -> Obj:
    _cancel_default_payment(invoice, "automatic")
    return settle(invoice)


def credit_record(invoice: Obj, record: Obj) -> Obj:
    """Credit a payment outside Stripe to the invoice. Its payment intent is for the rest.

    https://docs.stripe.com/api/invoices/attach_payment
    """
    payment = invoices.record_payment(invoice, record)
    remaining = invoice["amount_remaining"] - payment["amount_paid"]
    if remaining:
        amounts = {"amount_paid": invoice["amount_due"] - remaining, "amount_remaining": remaining}
        after = storage.put(invoice | amounts)
        default = _find_open_payments(invoice)[0]
        storage.update(default["id"], amount_requested=remaining)
        storage.update(default["payment"]["payment_intent"], amount=remaining)
        events.emit_updated("invoice", invoice, after)
    else:
        after = settle_outside_stripe(invoice)
    events.emit("invoice_payment.paid", payment)
    return after


def void(invoice: Obj) -> Obj:
    _cancel_default_payment(invoice, "void_invoice")
    customer_billing.restore_balance(invoice)
    return _close(invoice, "void", "voided")


def get_payment_intent(invoice: Obj) -> Obj | None:
    """Return the payment intent of a finalized invoice; None if nothing is due."""
    of_invoice = ("invoice", "=", invoice["id"])
    found = storage.find("invoice_payment", of_invoice, ("payment.type", "=", "payment_intent"))
    return storage.get(found[0]["payment"]["payment_intent"]) if found else None


def find_payment_method(billed: Obj) -> Obj | None:
    """Return the payment method of a subscription, or of an invoice without one."""
    customer = storage.get(billed["customer"], "customer") or {}
    candidates = (
        billed["default_payment_method"],
        billed["default_source"],
        (customer.get("invoice_settings") or {}).get("default_payment_method"),
        customer.get("default_source"),
    )
    return next((found for found in map(storage.get, filter(None, candidates)) if found), None)


def find_open_invoices(customer: str, subscription: str = "") -> list[Obj]:
    filters = [("customer", "=", customer), ("status", "=", "open")]
    if subscription:
        filters.append(("parent.subscription_details.subscription", "=", subscription))
    return storage.find("invoice", *filters)


def _find_open_payments(invoice: Obj) -> list[Obj]:
    return storage.find("invoice_payment", ("invoice", "=", invoice["id"]), ("status", "=", "open"))


def _cancel_default_payment(invoice: Obj, reason: str) -> None:
    for payment in _find_open_payments(invoice):
        times = payment["status_transitions"] | {"canceled_at": clock.now()}
        storage.put(payment | {"status": "canceled", "status_transitions": times})
        fields = {"status": "canceled", "canceled_at": clock.now(), "cancellation_reason": reason}
        intent = storage.update(payment["payment"]["payment_intent"], **fields)
        events.emit("payment_intent.canceled", intent)


def _record_attempt(invoice: Obj, intent: Obj, automatic: bool) -> Obj:
    count = invoice["attempt_count"] + (1 if automatic or not invoice["attempted"] else 0)
    if intent["status"] == "succeeded":
        return settle(invoice, intent, attempt_count=count)
    subscription = _load_subscription(invoice)
    is_final = subscription.get("status") in ("incomplete", "canceled", "incomplete_expired")
    upcoming = invoice["next_payment_attempt"]
    if is_final:
        upcoming = None
    elif automatic or not invoice["attempted"]:
        upcoming = clock.now() + RETRY_SECONDS[count - 1] if count <= len(RETRY_SECONDS) else None
    fields = {"attempt_count": count, "attempted": True, "next_payment_attempt": upcoming}
    after = due_dates.schedule(storage.put(invoice | fields | {"auto_advance": upcoming is not None}))
    events.emit_updated("invoice", invoice, after)
    if intent["status"] == "requires_action":
        events.emit("invoice.payment_action_required", after)
    events.emit("invoice.payment_failed", after)
    if not is_final and subscription.get("status") in ("active", "past_due"):
        _mark_past_due(subscription, given_up=upcoming is None and automatic)
    return after


def _mark_past_due(subscription: Obj, given_up: bool) -> None:
    """Set past_due, or after the last attempt the status of the switch after_retries."""
    last = switches.current().after_retries if given_up else "past_due"
    if last == "canceled":
        subscriptions.end(subscription, "payment_failed")
    else:
        due_dates.save(subscription, status=last)


def _write_off(invoice: Obj) -> Obj:
    return _close(invoice, "uncollectible", "marked_uncollectible")


def _close(invoice: Obj, status: str, event: str) -> Obj:
    transitions = invoice["status_transitions"] | {f"{event}_at": clock.now()}
    fields = {
        "status": status,
        "status_transitions": transitions,
        "next_payment_attempt": None,
        "auto_advance": False,
    }
    after = due_dates.schedule(storage.put(invoice | fields))
    events.emit(f"invoice.{event}", after)
    return after


def _load_subscription(invoice: Obj) -> Obj:
    """Return the subscription; {} for an invoice that was created without one."""
    parent = invoice["parent"]
    return storage.get(parent["subscription_details"]["subscription"]) or {} if parent else {}
