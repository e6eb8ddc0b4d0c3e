"""Pay a Checkout Session: objects, states and events in Stripe's order. Each public function is one transaction.

Before the first successful payment only the payment intent and the customer of the session exist, as in Stripe's
changelog /changelog/basil/2025-03-31/checkout-legacy-subscription-upgrade. The hidden data of the session contain the
intent, the created customer and the buyer of the current attempt. https://docs.stripe.com/payments/paymentintents/lifecycle
"""

import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal

from .. import cards, events, storage, switches
from ..billing import clocks
from ..resources import (
    charges,
    customer_billing,
    payment_intents,
    payment_methods,
    session_amounts,
    setup_intents,
)
from ..storage import Obj
from . import bank_debit, custom_amount, extra_fields, saved_cards, session_customer
from .completion import billing_details, settle
from .payment_form import PaymentForm
from .session_view import SessionView

AUTHENTICATION_FAILED = (
    "We are unable to authenticate your payment method."
    " Please choose a different payment method and try again."
)


OTHER_CURRENCY = "This subscription cannot be paid, because you already have one in"


@dataclass(frozen=True)
class Result:
    """The result of an attempt. `message` is for the buyer.

    paid: complete. accepted: completes later (switch late_seconds). challenge: needs 3D Secure.
    declined: the buyer can try another card. closed: the session was not open, nothing changed.
    """

    state: Literal["paid", "accepted", "challenge", "declined", "closed"]
    message: str = ""


def pay(session_id: str, form: PaymentForm) -> Result:
    """Pay with a validated form. A second call changes nothing, because the session is closed."""
    with storage.transaction(), _customer_time(session_id):
        order = _load_payable(session_id)
        if order is None:
            return Result("closed")
        if order.custom_amount:
            amount, problem = custom_amount.parse(form.customUnitAmount, order)
            if problem:
                return Result("declined", problem)
            session_amounts.set_custom_amount(session_id, amount)
            order = _load_payable(session_id) or order
        buyer = _read_buyer(order, form)
        storage.update_hidden(session_id, buyer=buyer)
        if other := _find_other_currency(order):
            return Result("declined", f"{OTHER_CURRENCY} {other.upper()}.")
        session_customer.ensure_customer(order, buyer)
        if not order.needs_card:
            return _settle_order(order, None, None)
        if form.account is not None:
            bank_debit.start_debit(order, _ensure_intent(order), form.account, buyer)
            return Result("paid")
        if saved := saved_cards.find_chosen(order, form.posted_methods):
            return _pay_with_saved_card(order, saved)
        card = form.card
        method = create_payment_method(card, form, buyer, allow_redisplay=_allow_redisplay(order, form))
        intent = storage.update(_ensure_intent(order)["id"], payment_method=method["id"])
        if card.challenge:
            return _require_authentication(order, intent)
        return _confirm(order, intent, method, card.decline)


def authenticate(session_id: str, passed: bool) -> Result:
    with storage.transaction(), _customer_time(session_id):
        order = _load_payable(session_id)
        intent = get_challenged_intent(session_id)
        if order is None or intent is None:
            return Result("closed")
        method = storage.get(intent["payment_method"]) or {}
        intent = storage.update(intent["id"], next_action=None, status="requires_confirmation")
        if passed:
            card = cards.find_by_fingerprint(method["card"]["fingerprint"])
            return _confirm(order, intent, method, card.decline)
        return fail(intent, method, f"{intent['object']}_authentication_failure", None, AUTHENTICATION_FAILED)


def get_challenged_intent(session_id: str) -> Obj | None:
    intent = storage.get(storage.get_hidden(session_id).get("intent", ""))
    return intent if intent and intent["status"] == "requires_action" else None


def cancel_challenge(session_id: str) -> None:
    if intent := get_challenged_intent(session_id):
        storage.update(intent["id"], next_action=None, status="requires_payment_method")


def get_completed_event(session_id: str) -> str:
    return str(storage.get_hidden(session_id).get("completed", ""))


def complete_due(now: float | None = None) -> int:
    """Complete the payments that the switch `late_seconds` delayed until `now`. Return their number."""
    now, done = time.time() if now is None else now, 0
    if not storage.get_setting("late"):
        return 0
    with storage.transaction():
        late = storage.get_setting("late")
        for session_id in [key for key, due in late.items() if due <= now]:
            del late[session_id]
            storage.update_hidden(session_id, due=None)
            order = _load_payable(session_id)
            if order is not None:
                intent = storage.get(storage.get_hidden(session_id).get("intent") or "")
                method = storage.get(intent["payment_method"]) if intent else None
                with _customer_time(session_id):
                    settle(order, intent, method)
                done += 1
        storage.set_setting("late", late)
    return done


def _customer_time(session_id: str) -> AbstractContextManager[None]:
    return clocks.customer_time((storage.get(session_id) or {}).get("customer"))


# --- steps of a payment -----------------------------------------------------------------------------------


def _load_payable(session_id: str) -> SessionView | None:
    order = SessionView.load(session_id)
    accepted = storage.get_hidden(session_id).get("due")
    return order if order and order.session["status"] == "open" and not accepted else None


def _find_other_currency(order: SessionView) -> str:
    customer = order.session["customer"]
    if order.mode != "subscription" or customer is None:
        return ""
    return customer_billing.find_other_currency(customer, order.session["currency"])


def _read_buyer(order: SessionView, form: PaymentForm) -> Obj:
    email = order.email or form.email
    business = {
        "business_name": form.businessName or None,
        "tax_ids": form.tax_ids,
        **extra_fields.answers(form),
    }
    if not order.needs_card:
        return {"email": email, "name": None, "address": {}, **business}
    if saved := saved_cards.find_chosen(order, form.posted_methods):
        details = saved["billing_details"]
        return {"email": email, "name": details["name"], "address": details["address"], **business}
    address = extra_fields.read_address(form, order)
    saves = form.saves_card and saved_cards.offers_to_save(order)
    return {"email": email, "name": form.billingName, "address": address, "saves_card": saves, **business}


def create_payment_method(card: cards.Card, form: PaymentForm, buyer: Obj, **fields: Any) -> Obj:
    month, year = form.expiry
    return payment_methods.new_card(card, month, year, billing_details(buyer), **fields)


def _allow_redisplay(order: SessionView, form: PaymentForm) -> str:
    """Return whether later sessions offer the card: "always" if the buyer saves it or the session requires it."""
    requested = (order.hidden.get("payment_method_data") or {}).get("allow_redisplay")
    saves = form.saves_card and saved_cards.offers_to_save(order)
    return requested or ("always" if saves else "limited")


def _pay_with_saved_card(order: SessionView, method: Obj) -> Result:
    card = cards.find_by_fingerprint(method["card"]["fingerprint"])
    intent = storage.update(_ensure_intent(order)["id"], payment_method=method["id"])
    if saved_cards.needs_authentication(card):
        return _require_authentication(order, intent)
    return _confirm(order, intent, method, saved_cards.find_decline(card))


def _ensure_intent(order: SessionView) -> Obj:
    """Return the session's payment intent, or the setup intent of a trial. The first attempt creates it."""
    known = storage.get(storage.get_hidden(order.session["id"]).get("intent", ""))
    total, currency = order.session["amount_total"], order.session["currency"]
    customer = session_customer.get_id(order)
    if known is not None and (known["object"] == "payment_intent") == bool(total):
        changes = {"customer": customer, "status": "requires_payment_method", "next_action": None}
        if total:  # a promotion code can change it between attempts
            changes |= {"amount": total, **order.presentment_fields}
        return storage.update(known["id"], **changes)
    if total:
        types = order.session["payment_method_types"]
        fields = {"customer": customer, "payment_method_types": types}
        fields |= order.intent_fields | order.presentment_fields
        intent = payment_intents.new(total, currency, **fields)
        if order.mode == "payment":
            storage.update(order.session["id"], payment_intent=intent["id"])
    else:
        intent = setup_intents.new(customer=customer)
    events.emit(f"{intent['object']}.created", intent)
    storage.update_hidden(order.session["id"], intent=intent["id"])
    return intent


def _require_authentication(order: SessionView, intent: Obj) -> Result:
    window = order.url(f"checkout/{order.session['id']}/three-ds-2-challenge/")
    action = {
        "type": "use_stripe_sdk",
        "use_stripe_sdk": {"type": "three_d_secure_redirect", "stripe_js": window},
    }
    intent = storage.update(intent["id"], status="requires_action", next_action=action)
    events.emit(f"{intent['object']}.requires_action", intent)
    return Result("challenge")


def _confirm(order: SessionView, intent: Obj, method: Obj, reason: cards.Decline | None) -> Result:
    if reason is not None:
        charge = None
        if intent["object"] == "payment_intent":
            charge = charges.new_declined(intent, method, reason)
            events.emit("charge.failed", charge)
        return fail(intent, method, reason.code, reason, reason.message, charge)
    late = switches.current().late_seconds
    if late:
        due = time.time() + late
        storage.update_hidden(order.session["id"], due=due)
        storage.set_setting("late", {**storage.get_setting("late", {}), order.session["id"]: due})
        return Result("accepted")
    return _settle_order(order, intent, method)


def fail(
    intent: Obj, method: Obj, code: str, reason: cards.Decline | None, message: str, charge: Obj | None = None
) -> Result:
    """Set the intent back to requires_payment_method, with the reason. The session stays open."""
    error = {
        "decline_code": reason.decline_code if reason else None,
        "payment_method": method,
        "type": "card_error" if reason else "invalid_request_error",
    }
    changes: Obj = {"status": "requires_payment_method", "payment_method": None, "next_action": None}
    if intent["object"] == "payment_intent":
        if charge:
            error["charge"] = changes["latest_charge"] = charge["id"]
        changes["last_payment_error"] = payment_intents.last_error(message, code, **error)
        event = "payment_intent.payment_failed"
    else:
        changes["last_setup_error"] = setup_intents.last_error(message, code, **error)
        event = "setup_intent.setup_failed"
    events.emit(event, storage.update(intent["id"], **changes))
    return Result("declined", reason.page_message if reason else message)


def _settle_order(order: SessionView, intent: Obj | None, method: Obj | None) -> Result:
    settle(order, intent, method)
    return Result("paid")
