"""SEPA debit: the session completes unpaid, and the bank responds some seconds later (days at Stripe).

https://docs.stripe.com/payments/sepa-debit and https://docs.stripe.com/payments/checkout/fulfill-orders#delayed-notification
"""

from typing import Any

import stripe

from .. import events, ibans, scheduled_actions, shapes, storage
from ..resources import balance_transactions, charges, payment_methods
from ..storage import Obj
from . import session_customer
from .completion import billing_details, complete
from .session_view import SessionView

REFUSED = "The customer's bank could not process the debit."


def start_debit(order: SessionView, intent: Obj, account: ibans.Account, buyer: Obj) -> None:
    session_customer.update_customer(order, buyer)
    customer = session_customer.get_id(order)
    method = payment_methods.new_bank_account(
        account.details, billing_details(buyer), customer=customer if order.saves_card else None
    )
    fields = {"payment_method": method["id"], "status": "processing"}
    intent = storage.update(intent["id"], last_payment_error=None, **fields)
    charge = charges.new_debit(intent, method)
    events.emit("charge.pending", charge)
    intent = storage.update(intent["id"], latest_charge=charge["id"])
    events.emit("payment_intent.processing", intent)
    discount = order.redeem(customer)
    origin = order.url("").rstrip("/")
    complete(order, customer, "unpaid", buyer)
    storage.update_hidden(order.session["id"], succeeds=account.succeeds, discount=discount, origin=origin)
    scheduled_actions.schedule("bank_answers", order.session["id"], account.seconds)


def record_bank_response(session_id: str, succeeds: bool | None = None) -> None:
    """Record that the bank paid or refused; None means as the test account defines."""
    scheduled_actions.cancel(session_id)
    order = SessionView.load(session_id)
    intent = storage.get(order.session["payment_intent"], "payment_intent") if order else None
    if order is None or intent is None or intent["status"] != "processing":
        return
    if order.hidden["succeeds"] if succeeds is None else succeeds:
        _succeed(order, intent)
    else:
        _fail(order.session, intent)


def _succeed(order: SessionView, intent: Obj) -> None:
    receipt = order.url(f"receipts/{intent['latest_charge']}")
    charge = storage.update(intent["latest_charge"], paid=True, receipt_url=receipt, status="succeeded")
    balance_transactions.make_available(charge)
    events.emit("charge.succeeded", charge)
    intent = storage.update(intent["id"], amount_received=intent["amount"], status="succeeded")
    events.emit("payment_intent.succeeded", intent)
    invoice_fields = order.create_invoice(order.session["customer"], intent, order.hidden["discount"])
    session = storage.update(order.session["id"], payment_status="paid", **invoice_fields)
    events.emit("checkout.session.async_payment_succeeded", session)


def _fail(session: Obj, intent: Obj) -> None:
    code = "generic_could_not_process"
    fields: dict[str, Any] = {"failure_code": code, "failure_message": REFUSED, "status": "failed"}
    pending = storage.get(intent["latest_charge"], "charge") or {}
    fields["failure_balance_transaction"] = balance_transactions.record_payment_failure(pending)
    charge = storage.update(intent["latest_charge"], amount_captured=0, captured=False, paid=False, **fields)
    events.emit("charge.failed", charge)
    error = shapes.fill(
        stripe.PaymentIntent.LastPaymentError,
        charge=charge["id"],
        code="payment_intent_payment_attempt_failed",
        decline_code=code,
        message=REFUSED,
        payment_method=storage.get(intent["payment_method"]),
        type="card_error",
    )
    changes = {"last_payment_error": error, "payment_method": None, "status": "requires_payment_method"}
    events.emit("payment_intent.payment_failed", storage.update(intent["id"], **changes))
    events.emit("checkout.session.async_payment_failed", session)


scheduled_actions.register("bank_answers", record_bank_response)
