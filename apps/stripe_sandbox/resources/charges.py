"""https://docs.stripe.com/api/charges"""

from typing import Any

import stripe

from .. import shapes, storage
from ..storage import Obj
from . import disputes

_APPROVED = {
    "network_status": "approved_by_network",
    "risk_level": "normal",
    "risk_score": 21,
    "seller_message": "Payment complete.",
    "type": "authorized",
}
_OF_THE_CARD = (
    "brand", "checks", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4", "regulated_status",
)  # fmt: skip


def new(
    intent: Obj, payment_method: Obj, outcome: Obj | None = None, card: Obj | None = None, **fields: Any
) -> Obj:
    """A stored charge of a payment intent: successful, or with status="failed" turned down.

    `outcome`, and `card` (fields of payment_method_details.card, three_d_secure say), go over what success looks like.
    """
    paid = fields.get("status", "succeeded") == "succeeded"
    amount = intent["amount"]
    used = {name: payment_method["card"][name] for name in _OF_THE_CARD} | {
        "amount_authorized": amount if paid else None,
        "extended_authorization": {"status": "disabled"},
        "incremental_authorization": {"status": "unavailable"},
        "multicapture": {"status": "unavailable"},
        "network": payment_method["card"]["brand"],
        "network_token": {"used": False},
        "overcapture": {"maximum_amount_capturable": amount, "status": "unavailable"},
    }
    card_details = shapes.fill(stripe.Charge.PaymentMethodDetails.Card, **(used | (card or {})))
    defaults = {
        "amount": amount,
        "amount_captured": amount if paid else 0,
        "amount_refunded": 0,
        "billing_details": payment_method["billing_details"],
        "calculated_statement_descriptor": "SANDBOX",
        "captured": paid,
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "fraud_details": {},
        "metadata": intent["metadata"],
        "outcome": shapes.fill(stripe.Charge.Outcome, **(_APPROVED | (outcome or {}))),
        "paid": paid,
        "payment_intent": intent["id"],
        "payment_method": payment_method["id"],
        "payment_method_details": {"card": card_details, "type": "card"},
        "receipt_email": intent["receipt_email"],
        "refunded": False,
        "shipping": intent["shipping"],
        "status": "succeeded",
    }
    charge = storage.put(shapes.new(stripe.Charge, defaults, fields))
    if paid:
        disputes.expect(charge)
    return charge
