"""Refunds. The test card decides the result.

https://docs.stripe.com/api/refunds and https://docs.stripe.com/testing#refunds
"""

from typing import Any

import stripe

from .. import (
    amount_limits,
    cards,
    clock,
    errors,
    events,
    formatting,
    presentment,
    scheduled_actions,
    shapes,
    storage,
    switches,
)
from ..calls import Call, empty_to_null, list_page, load, merge_metadata
from ..storage import Obj
from . import balance_transactions

DELAY_SECONDS = 8
"""Delay until a pending refund succeeds, or a failing one fails."""

# outcome ▶ (first status, scheduled action)
_OUTCOMES = {
    "": ("succeeded", ""),
    "refund_pending": ("pending", "refund_succeeds"),
    "refund_uncovered": ("pending", ""),
    "refund_fails": ("succeeded", "refund_fails"),
    "refund_requires_action": ("requires_action", ""),
}
_OPEN = ("pending", "requires_action")
# Fields that only refunds of these statuses have.
_STATUS_FIELDS = ("pending_reason", "next_action")
_ACTION_SECONDS = 45 * 86400
"""How long a buyer can give the bank details for a refund that requires action."""


def create(call: Call) -> Obj:
    params = empty_to_null(call.params)
    charge = _charge(params.pop("charge", None), params.pop("payment_intent", None))
    return create_refund(charge, params.pop("amount", None), **params)


def create_refund(charge: Obj, amount: int | None = None, outcome: str | None = None, **fields: Any) -> Obj:
    """Refund `amount` minor units, by default the rest of the charge. Raise ApiError if that is not possible.

    `outcome` replaces that of the test card: "refund_pending", "refund_fails", "refund_requires_action", or "" for
    success.
    """
    amount = _check_amount(charge, amount)
    is_uncovered = _is_card(charge) and outcome is None and switches.current().low_balance
    if outcome is None:
        outcome = "refund_uncovered" if is_uncovered else _get_card_outcome(charge)
    status, next_step = _OUTCOMES[outcome]
    details = {"card": {"type": "refund", "reference_status": "pending",
                        "reference_type": "acquirer_reference_number"}, "type": "card"}  # fmt: skip
    defaults = {
        "amount": amount,
        "charge": charge["id"],
        "currency": charge["currency"],
        "customer": charge["customer"],
        "destination_details": details if _is_card(charge) else {"sepa_debit": {}, "type": "sepa_debit"},
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "status": status,
        **presentment.build_refund_fields(amount, charge),
    }
    if status == "pending":
        defaults["pending_reason"] = "insufficient_funds" if is_uncovered else "processing"
    if status == "requires_action":
        defaults["next_action"] = _ask_for_bank_details(charge)
    refund = shapes.new(stripe.Refund, defaults, fields)
    refund = storage.put(refund | {"balance_transaction": balance_transactions.record_refund(refund, charge)})
    events.emit("refund.created", refund)
    events.emit("charge.refunded", _add_refunded_amount(refund, amount))
    if next_step:
        scheduled_actions.schedule(next_step, refund["id"], DELAY_SECONDS)
    return refund


def list_for_charge(call: Call) -> Obj:
    """GET /v1/charges/{id}/refunds: pages of `charge.refunds`."""
    charge = load("charge", call.args["id"])
    return list_page(call, "refund", ("charge", "=", charge["id"]))


def update(call: Call) -> Obj:
    refund = load("refund", call.args["id"])
    if "metadata" in call.params:
        return _change(refund, metadata=merge_metadata(refund["metadata"], call.params["metadata"]))
    return refund


def cancel(call: Call) -> Obj:
    """POST /v1/refunds/{id}/cancel: only refunds that require action. https://docs.stripe.com/api/refunds/cancel"""
    refund = load("refund", call.args["id"])
    if refund["status"] != "requires_action":
        message = f"Refund {refund['id']} has a status of {refund['status']} and cannot be canceled."
        raise errors.ApiError(message, param="id")
    return withdraw(refund)


def withdraw(refund: Obj) -> Obj:
    """Cancel a refund that is not complete yet. Stripe's Dashboard cancels pending refunds, too."""
    return _take_back(refund, status="canceled")


def succeed(refund_id: str) -> None:
    refund = storage.get(refund_id, "refund") or {}
    if is_open(refund):
        _end(refund, status="succeeded")


def fail(refund_id: str, reason: str = "expired_or_canceled_card") -> None:
    refund = storage.get(refund_id, "refund") or {}
    if not can_fail(refund):
        return
    events.emit("refund.failed", _take_back(refund, status="failed", failure_reason=reason))


def is_open(refund: Obj) -> bool:
    return refund["status"] in _OPEN


def can_fail(refund: Obj) -> bool:
    """Return True also if it succeeded: the bank can return the money later."""
    return is_open(refund) or refund["status"] == "succeeded"


def _charge(charge: str | None, intent: str | None) -> Obj:
    if charge:
        return load("charge", charge, "charge")
    if not intent:
        message = "One of the following params should be provided for this request: payment_intent or charge."
        raise errors.ApiError(message, code="parameter_missing", param="payment_intent")
    found = storage.get(load("payment_intent", intent, "payment_intent")["latest_charge"] or "", "charge")
    if found is None or found["status"] != "succeeded":
        message = f"This PaymentIntent ({intent}) does not have a successful charge to refund."
        raise errors.ApiError(message, param="payment_intent")
    return found


def _check_amount(charge: Obj, amount: int | None) -> int:
    left = charge["amount_captured"] - charge["amount_refunded"]
    if charge["status"] != "succeeded":
        message = f"Charge {charge['id']} has not succeeded and cannot be refunded."
        raise errors.ApiError(message, code="charge_not_refundable", param="charge")
    if charge["refunded"]:
        message = f"Charge {charge['id']} has already been refunded."
        raise errors.ApiError(message, code="charge_already_refunded")
    if _is_charged_back(charge):
        message = f"Charge {charge['id']} has been charged back; cannot issue a refund."
        raise errors.ApiError(message, code="charge_disputed")
    if amount is not None and amount < 1:
        raise errors.ApiError("Invalid positive integer", code="parameter_invalid_integer", param="amount")
    if amount is not None and amount > left:
        whole = "unrefunded amount on charge" if charge["amount_refunded"] else "charge amount"
        message = f"Refund amount ({_money(amount, charge)}) is greater than {whole} ({_money(left, charge)})"
        raise errors.ApiError(message, param="amount")
    if amount is not None:
        amount_limits.check_multiple(amount, charge["currency"], "amount")
    return left if amount is None else amount


def _is_charged_back(charge: Obj) -> bool:
    found = storage.find("dispute", ("charge", "=", charge["id"]))
    return any(not dispute["is_charge_refundable"] and dispute["status"] != "won" for dispute in found)


def _money(amount: int, charge: Obj) -> str:
    return formatting.format_money(amount, charge["currency"])


def _is_card(charge: Obj) -> bool:
    return bool((charge["payment_method_details"] or {}).get("type") == "card")


def _get_card_outcome(charge: Obj) -> str:
    fingerprint = charge["payment_method_details"]["card"]["fingerprint"] if _is_card(charge) else ""
    card = cards.find_by_fingerprint(fingerprint)
    return card.follow_up if card.follow_up in _OUTCOMES else ""


def _ask_for_bank_details(charge: Obj) -> Obj:
    email = charge["billing_details"]["email"] or charge["receipt_email"] or "buyer@example.com"
    sent = {"email_sent_at": clock.now(), "email_sent_to": email}
    details = {"email_sent": sent, "expires_at": clock.now() + _ACTION_SECONDS}
    return {"display_details": details, "type": "display_details"}


def _add_refunded_amount(refund: Obj, amount: int) -> Obj:
    charge = load("charge", refund["charge"])
    total = charge["amount_refunded"] + amount
    return storage.update(charge["id"], amount_refunded=total, refunded=total == charge["amount"])


def _take_back(refund: Obj, **changes: Any) -> Obj:
    _add_refunded_amount(refund, -refund["amount"])
    returned = balance_transactions.record_refund_failure(refund)
    return _end(refund, failure_balance_transaction=returned, **changes)


def _end(refund: Obj, **changes: Any) -> Obj:
    scheduled_actions.cancel(refund["id"])
    return _change({name: value for name, value in refund.items() if name not in _STATUS_FIELDS}, **changes)


def _change(refund: Obj, **changes: Any) -> Obj:
    before, after = load("refund", refund["id"]), storage.put(refund | changes)
    events.emit_updated("refund", before, after)
    events.emit_updated("charge.refund", before, after)
    return after


scheduled_actions.register("refund_succeeds", succeed)
scheduled_actions.register("refund_fails", fail)
