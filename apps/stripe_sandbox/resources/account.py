"""https://docs.stripe.com/api/accounts. The one account there is."""

import stripe

from .. import shapes
from ..calls import Call
from ..storage import Obj


def retrieve(call: Call) -> Obj:
    """GET /v1/account"""
    return shapes.fill(
        stripe.Account,
        id="acct_1SandboxAccount",
        object="account",
        charges_enabled=True,
        country="US",
        default_currency="usd",
        details_submitted=True,
        payouts_enabled=True,
        type="standard",
    )
