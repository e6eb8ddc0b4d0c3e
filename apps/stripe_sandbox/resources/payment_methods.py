"""https://docs.stripe.com/api/payment_methods"""

from typing import Any

import stripe

from .. import shapes, storage
from ..storage import Obj


def new(card: Obj, billing_details: Obj, **fields: Any) -> Obj:
    """A stored card. `card` needs brand, last4, exp_month, exp_year, funding; `billing_details` may be {}."""
    address = shapes.fill(
        stripe.PaymentMethod.BillingDetails.Address, **(billing_details.get("address") or {})
    )
    billing = shapes.fill(stripe.PaymentMethod.BillingDetails, **(billing_details | {"address": address}))
    details = {
        "checks": shapes.fill(stripe.PaymentMethod.Card.Checks, cvc_check="pass"),
        "country": "US",
        "display_brand": card["brand"],
        "networks": {"available": [card["brand"]], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
    }
    defaults = {
        "allow_redisplay": "limited",
        "billing_details": billing,
        "card": shapes.fill(stripe.PaymentMethod.Card, **(details | card)),
        "metadata": {},
        "type": "card",
    }
    return storage.put(shapes.new(stripe.PaymentMethod, defaults, fields))
