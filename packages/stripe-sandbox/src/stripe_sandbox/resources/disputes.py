"""Disputes. Test cards and the control panel open them; evidence and the control panel close them.

https://docs.stripe.com/api/disputes and https://docs.stripe.com/testing#disputes
"""

from dataclasses import dataclass
from typing import Any

import stripe

from .. import cards, clock, errors, events, scheduled_actions, shapes, storage
from ..calls import Call, change, empty_to_null, load, merge_metadata
from ..storage import Obj
from . import balance_transactions

DELAY_SECONDS = 5
"""Delay from a payment to its dispute, and from evidence to the bank's response."""
FEE = 1500
"""Stripe's fee for a chargeback, in minor units."""
_DAY = 86400
OPEN = frozenset({"needs_response", "under_review", "warning_needs_response", "warning_under_review"})


@dataclass(frozen=True)
class Kind:
    """A kind of dispute. An inquiry does not move money."""

    reason: str
    network_code: str
    inquiry: bool = False


KINDS = {
    "dispute_fraudulent": Kind("fraudulent", "10.4"),
    "dispute_not_received": Kind("product_not_received", "13.1"),
    "dispute_noncompliant": Kind("noncompliant", ""),
    "dispute_inquiry": Kind("fraudulent", "10.4", inquiry=True),
}
"""`cards.Card.follow_up` ▶ its dispute."""
_OUTCOMES_BY_EVIDENCE = {"winning_evidence": "won", "losing_evidence": "lost"}


def schedule_for_card(charge: Obj) -> None:
    card = (charge["payment_method_details"] or {}).get("card") or {}
    action = cards.find_by_fingerprint(card.get("fingerprint") or "").follow_up
    if action in KINDS or action == "early_fraud_warning":
        scheduled_actions.schedule(action, charge["id"], DELAY_SECONDS)


def open_dispute(charge: Obj, kind: str = "dispute_fraudulent") -> Obj:
    """Dispute what is not refunded of the charge. Raise ApiError if that is not possible."""
    terms = KINDS[kind]
    if not is_disputable(charge):
        message = (
            f"Charge {charge['id']} cannot be disputed: it has not succeeded, is fully refunded, or has a dispute that"
            " is open or lost."
        )
        raise errors.ApiError(message)
    billing = charge["billing_details"]
    defaults = {
        "amount": charge["amount"] - charge["amount_refunded"],
        "balance_transactions": [],
        "charge": charge["id"],
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": shapes.fill(
            stripe.Dispute.Evidence,
            customer_email_address=billing["email"] or charge["receipt_email"],
            customer_name=billing["name"],
            enhanced_evidence={},
        ),
        "evidence_details": {
            "due_by": _due_by(),
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "is_charge_refundable": terms.inquiry,
        "metadata": {},
        "network_reason_code": terms.network_code,
        "payment_intent": charge["payment_intent"],
        "payment_method_details": _card_details(charge, terms),
        "reason": terms.reason,
        "status": "warning_needs_response" if terms.inquiry else "needs_response",
    }
    dispute = storage.put(shapes.new(stripe.Dispute, defaults, {}))
    storage.update(charge["id"], disputed=True)
    if not terms.inquiry:
        dispute = _add_balance_transaction(dispute, -1)
    events.emit("charge.dispute.created", dispute)
    if not terms.inquiry:
        events.emit("charge.dispute.funds_withdrawn", dispute)
    return dispute


def scheduled_dispute(kind: str) -> scheduled_actions.Action:
    """Return an action that disputes the charge if that is still possible."""

    def action(charge_id: str) -> None:
        charge = load("charge", charge_id)
        if is_disputable(charge):
            open_dispute(charge, kind)

    return action


def update(call: Call) -> Obj:
    """POST /v1/disputes/{id}: store the evidence, and submit it unless submit=false."""
    dispute, params = load("dispute", call.args["id"]), dict(call.params)
    evidence, submit = empty_to_null(params.pop("evidence", {})), params.pop("submit", True)
    if not evidence:
        return change(dispute, params, "charge.dispute")
    if dispute["status"] not in OPEN or dispute["evidence_details"]["submission_count"]:
        message = f"This dispute has a status of {dispute['status']} and takes no more evidence."
        raise errors.ApiError(message, param="evidence")
    details = dispute["evidence_details"] | {"has_evidence": True}
    more: Obj = {"evidence": dispute["evidence"] | evidence, "evidence_details": details}
    if "metadata" in params:
        more["metadata"] = merge_metadata(dispute["metadata"], params["metadata"])
    if submit:
        details |= {"submission_count": 1, "submission_method": "manual"}
        more["status"] = dispute["status"].replace("needs_response", "under_review")
        scheduled_actions.schedule("dispute_decided", dispute["id"], DELAY_SECONDS)
    return _change(dispute, **more)


def close(call: Call) -> Obj:
    dispute = load("dispute", call.args["id"])
    if dispute["status"] not in OPEN:
        raise errors.ApiError("This dispute is already closed.", param="id")
    return settle(dispute, "lost")


def decide(dispute_id: str) -> None:
    """Close or escalate the dispute if its evidence is one of Stripe's test values."""
    dispute = load("dispute", dispute_id)
    text = (dispute["evidence"]["uncategorized_text"] or "").strip()
    if dispute["status"] not in OPEN:
        return
    if text == "escalate_inquiry_evidence" and _is_inquiry(dispute):
        escalate(dispute)
    elif text in _OUTCOMES_BY_EVIDENCE:
        settle(dispute, _OUTCOMES_BY_EVIDENCE[text])


def escalate(dispute: Obj) -> Obj:
    method = dispute["payment_method_details"]
    chargeback = method and method | {"card": method["card"] | {"case_type": "chargeback"}}
    details = dispute["evidence_details"] | {
        "due_by": _due_by(),
        "submission_count": 0,
        "submission_method": "not_submitted",
    }
    booked = _add_balance_transaction(dispute, -1)
    after = _change(
        booked,
        status="needs_response",
        is_charge_refundable=False,
        payment_method_details=chargeback,
        evidence_details=details,
    )
    events.emit("charge.dispute.funds_withdrawn", after)
    return after


def settle(dispute: Obj, outcome: str) -> Obj:
    """Close as "won" (a chargeback returns the money) or "lost". An inquiry becomes warning_closed."""
    if dispute["status"] not in OPEN:
        raise errors.ApiError("This dispute is already closed.", param="id")
    scheduled_actions.cancel(dispute["id"])
    if _is_inquiry(dispute):
        outcome = "warning_closed"
    after = storage.put(dispute | {"status": outcome})
    if outcome == "won":
        after = _add_balance_transaction(after, 1)
    events.emit("charge.dispute.closed", after)
    if outcome == "won":
        events.emit("charge.dispute.funds_reinstated", after)
    return after


def warn_of_fraud(charge_id: str) -> None:
    """Create an early fraud warning. https://docs.stripe.com/api/radar/early_fraud_warnings"""
    charge = load("charge", charge_id)
    warning = {
        "actionable": not charge["refunded"],
        "charge": charge["id"],
        "fraud_type": "made_with_stolen_card",
        "payment_intent": charge["payment_intent"],
    }
    stored = storage.put(shapes.new(stripe.radar.EarlyFraudWarning, warning, {}))
    events.emit("radar.early_fraud_warning.created", stored)


def is_disputable(charge: Obj) -> bool:
    """Return True also if earlier disputes were won, or were inquiries. A lost dispute took the whole amount."""
    if charge["status"] != "succeeded" or charge["refunded"]:
        return False
    found = storage.find("dispute", ("charge", "=", charge["id"]))
    return not any(dispute["status"] in OPEN or dispute["status"] == "lost" for dispute in found)


def _card_details(charge: Obj, terms: Kind) -> Obj | None:
    """Return `payment_method_details`, which the dispute of a bank debit does not have."""
    card = charge["payment_method_details"].get("card")
    if card is None:
        return None
    details = {
        "brand": card["brand"],
        "case_type": "inquiry" if terms.inquiry else "chargeback",
        "network": card["network"],
        "network_reason_code": terms.network_code,
    }
    return {"card": details, "type": "card"}


def _due_by() -> int:
    """Return the end of the day, in Unix seconds, until which evidence can be submitted."""
    return clock.now() // _DAY * _DAY + 9 * _DAY - 1


def _is_inquiry(dispute: Obj) -> bool:
    return str(dispute["status"]).startswith("warning_")


def _add_balance_transaction(dispute: Obj, sign: int) -> Obj:
    entry = balance_transactions.record_dispute(dispute, sign, FEE)
    return storage.put(dispute | {"balance_transactions": [*dispute["balance_transactions"], entry]})


def _change(dispute: Obj, **changes: Any) -> Obj:
    after = storage.put(dispute | changes)
    events.emit_updated("charge.dispute", dispute, after)
    return after


for _kind in KINDS:
    scheduled_actions.register(_kind, scheduled_dispute(_kind))
scheduled_actions.register("dispute_decided", decide)
scheduled_actions.register("early_fraud_warning", warn_of_fraud)
