"""https://docs.stripe.com/api/payment_intents"""

from typing import Any

import stripe

from .. import ids, shapes, storage
from ..storage import Obj


def new(amount: int, currency: str, **fields: Any) -> Obj:
    """Store a payment intent of `amount` minor units, which requires a payment method unless `fields` say otherwise."""
    intent_id = ids.new("payment_intent")
    defaults = {
        "id": intent_id,
        "amount": amount,
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "capture_method": "automatic_async",
        "client_secret": f"{intent_id}_secret_{ids.random_letters(25)}",
        "confirmation_method": "automatic",
        "currency": currency,
        "metadata": {},
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": ["card"],
        "status": "requires_payment_method",
    }
    return storage.put(shapes.new(stripe.PaymentIntent, defaults, fields))


def last_error(message: str, code: str, **fields: Any) -> Obj:
    doc_url = f"https://docs.stripe.com/error-codes/{code.replace('_', '-')}"
    error = {"type": "card_error", "code": code, "message": message, "doc_url": doc_url}
    return shapes.fill(stripe.PaymentIntent.LastPaymentError, **(error | fields))
