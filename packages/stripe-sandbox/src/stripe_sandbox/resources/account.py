"""The sandbox's only account. https://docs.stripe.com/api/accounts and /api/balance"""

import stripe

from .. import shapes, storage
from ..calls import Call
from ..storage import Obj


def retrieve(call: Call) -> Obj:
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


def balance(call: Call) -> Obj:
    """GET /v1/balance: payments minus refunds and disputes, without Stripe's fees and payouts."""
    rows = storage.query(
        "SELECT json_extract(json, '$.currency') AS currency,"
        " SUM(json_extract(json, '$.amount_captured') - json_extract(json, '$.amount_refunded')) AS amount"
        " FROM objects WHERE object = 'charge' AND json_extract(json, '$.status') = 'succeeded' GROUP BY currency"
    )
    totals = {row["currency"]: row["amount"] for row in rows} or {"usd": 0}
    for dispute in storage.find("dispute"):
        totals[dispute["currency"]] += sum(entry["net"] for entry in dispute["balance_transactions"])
    available = [{"amount": amount, "currency": currency} for currency, amount in sorted(totals.items())]
    pending = [{"amount": 0, "currency": row["currency"]} for row in available]
    return shapes.fill(stripe.Balance, object="balance", available=available, livemode=False, pending=pending)
