"""Money that enters or leaves the account's balance.

https://docs.stripe.com/api/balance_transactions and https://docs.stripe.com/reports/balance-transaction-types
"""

from decimal import ROUND_HALF_UP, Decimal

import stripe

from .. import clock, shapes, storage
from ..storage import Obj

FEE_PERCENT = Decimal("2.9")
FEE_FIXED = 30
"""Part of the fee for a payment that does not depend on its amount, in minor units of any currency."""

# type ▶ reporting category. https://docs.stripe.com/reports/reporting-categories
_CATEGORIES = {
    "charge": "charge",
    "payment": "charge",
    "payment_failure_refund": "charge_failure",
    "payment_refund": "refund",
    "refund": "refund",
    "refund_failure": "refund_failure",
}


def record_payment(charge: Obj) -> str:
    """Record a charge, and return the id. The money of a bank debit is pending until the bank pays."""
    fee = _round(charge["amount"] * FEE_PERCENT / 100) + FEE_FIXED
    kind = "charge" if _is_card(charge) else "payment"
    description = charge["description"]
    pending = charge["status"] == "pending"
    return str(
        _record(kind, charge, charge["amount"], fee, "Stripe processing fees", description, pending)["id"]
    )


def record_payment_failure(charge: Obj) -> str:
    """Record that a pending bank debit failed, without the fee of the payment."""
    payment = storage.update(charge["balance_transaction"], status="available")
    reversal = _record(
        "payment_failure_refund", charge, -payment["amount"], -payment["fee"], "Stripe processing fees"
    )
    return str(reversal["id"])


def make_available(charge: Obj) -> None:
    storage.update(charge["balance_transaction"], status="available", available_on=clock.now())


def record_refund(refund: Obj, charge: Obj) -> str:
    """Record a refund, and return the id. Stripe keeps the fee of the payment."""
    kind = "refund" if _is_card(charge) else "payment_refund"
    description = f"REFUND FOR {'CHARGE' if kind == 'refund' else 'PAYMENT'}"
    return str(_record(kind, refund, -refund["amount"], description=description)["id"])


def record_refund_failure(refund: Obj) -> str:
    """Record that a refund failed or was canceled, and return the id."""
    return str(_record("refund_failure", refund, refund["amount"], description="REFUND FAILURE")["id"])


def record_dispute(dispute: Obj, sign: int, fee: int) -> Obj:
    """Record that the bank withdraws (`sign` -1) or returns (1) the disputed amount, and the fee with it."""
    word, category = ("withdrawal", "dispute") if sign < 0 else ("reversal", "dispute_reversal")
    description = f"Chargeback {word} for {dispute['charge']}"
    amount = sign * dispute["amount"]
    return _record("adjustment", dispute, amount, -sign * fee, "Dispute fee", description, category=category)


def _record(
    kind: str,
    source: Obj,
    amount: int,
    fee: int = 0,
    fee_description: str = "",
    description: str | None = None,
    pending: bool = False,
    category: str = "",
) -> Obj:
    """Store a transaction in the currency of `source`: the account settles each currency in itself."""
    details = {
        "amount": fee,
        "application": None,
        "currency": source["currency"],
        "description": fee_description,
    }
    fields = {
        "amount": amount,
        "available_on": clock.now(),
        "balance_type": "payments",
        "currency": source["currency"],
        "description": description,
        "fee": fee,
        "fee_details": [details | {"type": "stripe_fee"}] if fee else [],
        "net": amount - fee,
        "reporting_category": category or _CATEGORIES[kind],
        "source": source["id"],
        "status": "pending" if pending else "available",
        "type": kind,
    }
    return storage.put(shapes.new(stripe.BalanceTransaction, fields, {}))


def _is_card(charge: Obj) -> bool:
    return bool((charge["payment_method_details"] or {}).get("type") == "card")


def _round(amount: Decimal) -> int:
    return int(amount.quantize(Decimal(1), ROUND_HALF_UP))
