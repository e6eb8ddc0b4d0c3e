"""The sandbox's only account. https://docs.stripe.com/api/accounts and /api/balance"""

import stripe
from django.conf import settings

from .. import account_state, shapes, storage, switches
from ..calls import Call
from ..storage import Obj


def listing(call: Call) -> Obj:
    """GET /v1/accounts: the connected accounts. The sandbox has none."""
    return shapes.list_object([], call.path)


def retrieve(call: Call) -> Obj:
    """GET /v1/account and /v1/accounts/{id}."""
    account_state.check_access(call.args.get("id", ""))
    now = switches.current()
    name = getattr(settings, "SITE_NAME", "Sandbox") if not now.no_business_name else None
    return shapes.fill(
        stripe.Account,
        id=account_state.ID,
        object="account",
        business_profile=shapes.fill(stripe.Account.BusinessProfile, name=name),
        charges_enabled=not now.cannot_charge,
        country="US",
        default_currency="usd",
        details_submitted=True,
        payouts_enabled=True,
        type="standard",
    )


def balance(call: Call) -> Obj:
    """GET /v1/balance: the net amounts of all balance transactions. There are no payouts."""
    rows = storage.query(
        "SELECT json_extract(json, '$.currency') AS currency, json_extract(json, '$.status') AS status,"
        " SUM(json_extract(json, '$.net')) AS net"
        " FROM objects WHERE object = 'balance_transaction' GROUP BY 1, 2"
    )
    nets = {(row["status"], row["currency"]): row["net"] for row in rows}
    currencies = sorted({currency for _, currency in nets}) or ["usd"]
    available, pending = (
        [{"amount": nets.get((status, currency), 0), "currency": currency} for currency in currencies]
        for status in ("available", "pending")
    )
    return shapes.fill(stripe.Balance, object="balance", available=available, livemode=False, pending=pending)
