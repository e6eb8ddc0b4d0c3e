"""Refunds. The test card decides the result.

https://docs.stripe.com/api/refunds and https://docs.stripe.com/testing#refunds
"""

from typing import Any

import stripe

from .. import cards, errors, events, formatting, scheduled_actions, shapes, storage
from ..calls import Call, empty_to_null, load, merge_metadata
from ..storage import Obj

DELAY_SECONDS = 8
"""Delay until a pending refund succeeds, or a failing one fails."""

# outcome ▶ (first status, scheduled action)
_OUTCOMES = {"": ("succeeded", ""), "refund_pending": ("pending", "refund_succeeds"),
            "refund_fails": ("succeeded", "refund_fails")}  # fmt: skip


def create(call: Call) -> Obj:
    params = empty_to_null(call.params)
    charge = _charge(params.pop("charge", None), params.pop("payment_intent", None))
    return create_refund(charge, params.pop("amount", None), **params)


def create_refund(charge: Obj, amount: int | None = None, outcome: str | None = None, **fields: Any) -> Obj:
    """Refund `amount` minor units, by default the rest of the charge. Raise ApiError if that is not possible.

    `outcome` replaces that of the test card: "refund_pending", "refund_fails", or "" for success.
    """
    amount = _check_amount(charge, amount)
    status, next_step = _OUTCOMES[outcome if outcome is not None else _get_card_outcome(charge)]
    details = {"card": {"type": "refund", "reference_status": "pending",
                        "reference_type": "acquirer_reference_number"}, "type": "card"}  # fmt: skip
    defaults = {
        "amount": amount,
        "charge": charge["id"],
        "currency": charge["currency"],
        "destination_details": details if _is_card(charge) else {"sepa_debit": {}, "type": "sepa_debit"},
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "status": status,
    }
    if status == "pending":
        defaults["pending_reason"] = "processing"
    refund = storage.put(shapes.new(stripe.Refund, defaults, fields))
    events.emit("refund.created", refund)
    events.emit("charge.refunded", _add_refunded_amount(refund, amount))
    if next_step:
        scheduled_actions.schedule(next_step, refund["id"], DELAY_SECONDS)
    return refund


def update(call: Call) -> Obj:
    refund = load("refund", call.args["id"])
    if "metadata" in call.params:
        return _change(refund, metadata=merge_metadata(refund["metadata"], call.params["metadata"]))
    return refund


def succeed(refund_id: str) -> None:
    refund = storage.get(refund_id, "refund") or {}
    if refund["status"] == "pending":
        _change(
            {name: value for name, value in refund.items() if name != "pending_reason"}, status="succeeded"
        )


def fail(refund_id: str, reason: str = "expired_or_canceled_card") -> None:
    refund = storage.get(refund_id, "refund") or {}
    if refund["status"] not in ("pending", "succeeded"):
        return
    without_reason = {name: value for name, value in refund.items() if name != "pending_reason"}
    _add_refunded_amount(refund, -refund["amount"])
    events.emit("refund.failed", _change(without_reason, status="failed", failure_reason=reason))


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


def _add_refunded_amount(refund: Obj, amount: int) -> Obj:
    charge = load("charge", refund["charge"])
    total = charge["amount_refunded"] + amount
    return storage.update(charge["id"], amount_refunded=total, refunded=total == charge["amount"])


def _change(refund: Obj, **changes: Any) -> Obj:
    before, after = load("refund", refund["id"]), storage.put(refund | changes)
    events.emit_updated("refund", before, after)
    events.emit_updated("charge.refund", before, after)
    return after


scheduled_actions.register("refund_succeeds", succeed)
scheduled_actions.register("refund_fails", fail)
