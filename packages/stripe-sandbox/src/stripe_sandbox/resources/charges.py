"""https://docs.stripe.com/api/charges"""

from typing import Any

import stripe

from .. import cards, ids, shapes, storage
from ..storage import Obj
from . import balance_transactions, disputes

_APPROVED = {
    "network_status": "approved_by_network",
    "seller_message": "Payment complete.",
    "type": "authorized",
}
_RISK_SCORES = {"normal": 21, "elevated": 68}
_CARD_FIELDS = (
    "brand", "checks", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4", "regulated_status",
)  # fmt: skip


def new(
    intent: Obj, payment_method: Obj, outcome: Obj | None = None, card: Obj | None = None, **fields: Any
) -> Obj:
    """Store a successful charge of the payment intent, or a failed one with status="failed".

    `outcome` and `card` (payment_method_details.card) replace fields of a successful charge.
    """
    paid = fields.get("status", "succeeded") == "succeeded"
    amount = intent["amount"]
    used = {name: payment_method["card"][name] for name in _CARD_FIELDS} | {
        "amount_authorized": amount if paid else None,
        "extended_authorization": {"status": "disabled"},
        "incremental_authorization": {"status": "unavailable"},
        "multicapture": {"status": "unavailable"},
        "network": payment_method["card"]["brand"],
        "network_token": {"used": False},
        "overcapture": {"maximum_amount_capturable": amount, "status": "unavailable"},
    }
    card_details = shapes.fill(stripe.Charge.PaymentMethodDetails.Card, **(used | (card or {})))
    details = {"card": card_details, "type": "card"}
    risk = cards.find_by_fingerprint(payment_method["card"]["fingerprint"]).risk
    approved = _APPROVED | {"risk_level": risk, "risk_score": _RISK_SCORES[risk]}
    outcome = shapes.fill(stripe.Charge.Outcome, **(approved | (outcome or {})))
    charge = _create(intent, payment_method, details, paid, {"outcome": outcome} | fields)
    if paid:
        disputes.schedule_for_card(charge)
    return charge


def new_declined(intent: Obj, method: Obj, reason: cards.Decline) -> Obj:
    blocked = reason.outcome == "blocked"
    outcome = {
        "network_status": "not_sent_to_network" if blocked else "declined_by_network",
        "reason": "highest_risk_level" if blocked else reason.decline_code or reason.code,
        "risk_level": "highest" if blocked else "normal",
        "seller_message": "Stripe blocked this payment as too risky."
        if blocked
        else "The bank did not return any further details with this decline.",
        "type": reason.outcome,
    }
    return new(
        intent, method, outcome, status="failed", failure_code=reason.code, failure_message=reason.message
    )


def new_debit(intent: Obj, payment_method: Obj) -> Obj:
    account = payment_method["sepa_debit"]
    known = {name: account[name] for name in ("bank_code", "country", "fingerprint", "last4")}
    details = {
        "sepa_debit": shapes.fill(stripe.Charge.PaymentMethodDetails.SepaDebit, **known),
        "type": "sepa_debit",
    }
    fields = {"id": f"py_3{ids.random_letters(23)}", "paid": False, "status": "pending"}
    return _create(intent, payment_method, details, True, fields)


def _create(intent: Obj, payment_method: Obj, details: Obj, captured: bool, fields: Obj) -> Obj:
    amount = intent["amount"]
    defaults = {
        "amount": amount,
        "amount_captured": amount if captured else 0,
        "amount_refunded": 0,
        "billing_details": payment_method["billing_details"],
        "calculated_statement_descriptor": "SANDBOX",
        "captured": captured,
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "fraud_details": {},
        "metadata": intent["metadata"],
        "paid": captured,
        "payment_intent": intent["id"],
        "payment_method": payment_method["id"],
        "payment_method_details": details,
        "receipt_email": intent["receipt_email"],
        "refunded": False,
        "shipping": intent["shipping"],
        "status": "succeeded",
    }
    if intent.get("presentment_details"):
        defaults["presentment_details"] = intent["presentment_details"]
    charge = shapes.new(stripe.Charge, defaults, fields)
    if captured:
        charge["balance_transaction"] = balance_transactions.record_payment(charge)
    return storage.put(charge)
