"""https://docs.stripe.com/api/setup_intents"""

from typing import Any

import stripe

from .. import ids, shapes, storage
from ..storage import Obj


def new(**fields: Any) -> Obj:
    """Store a setup intent. It saves a card for a free trial, without a charge."""
    intent_id = ids.new("setup_intent")
    defaults = {
        "id": intent_id,
        "client_secret": f"{intent_id}_secret_{ids.random_letters(25)}",
        "metadata": {},
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": ["card"],
        "status": "requires_payment_method",
        "usage": "off_session",
    }
    return storage.put(shapes.new(stripe.SetupIntent, defaults, fields))


def last_error(message: str, code: str, **fields: Any) -> Obj:
    doc_url = f"https://docs.stripe.com/error-codes/{code.replace('_', '-')}"
    error = {"type": "card_error", "code": code, "message": message, "doc_url": doc_url}
    return shapes.fill(stripe.SetupIntent.LastSetupError, **(error | fields))
