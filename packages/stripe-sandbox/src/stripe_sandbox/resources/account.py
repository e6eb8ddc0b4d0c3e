"""The sandbox's only account. https://docs.stripe.com/api/accounts and /api/balance"""

import stripe

from .. import errors, shapes, storage
from ..calls import Call
from ..storage import Obj

ID = "acct_1SandboxAccount"


def listing(call: Call) -> Obj:
    """GET /v1/accounts: the connected accounts. The sandbox has none."""
    return shapes.list_object([], call.path)


def retrieve(call: Call) -> Obj:
    """GET /v1/account and /v1/accounts/{id}."""
    if call.args.get("id", ID) != ID:
        raise no_access(call.args["id"])
    return shapes.fill(
        stripe.Account,
        id=ID,
        object="account",
        charges_enabled=True,
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


def no_access(account_id: str) -> errors.ApiError:
    message = (
        f"The provided key does not have access to account '{account_id}' (or that account does not exist)."
        " Application access may have been revoked."
    )
    return errors.ApiError(message, code="account_invalid", status=403)
