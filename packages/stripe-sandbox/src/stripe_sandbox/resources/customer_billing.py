"""The balance and the currency of a customer.

https://docs.stripe.com/billing/customer/balance and /invoicing/multi-currency-customers
"""

import stripe

from .. import amount_limits, errors, events, shapes, storage
from ..storage import Obj

_ENDED = ("canceled", "incomplete_expired")


def compute_amount_due(customer: Obj, total: int, currency: str) -> tuple[int, int, int]:
    """Return the starting balance, the amount due and the ending balance of an invoice.

    A negative balance is a credit. An amount below the minimum charge is moved to the balance.
    """
    start = get_balance(customer, currency)
    due = total + start
    if due < amount_limits.min_charge(currency):
        return start, 0, due
    return start, due, 0


def get_balance(customer: Obj, currency: str) -> int:
    return int(customer["balance"]) if customer.get("currency") in (None, currency) else 0


def apply_balance(invoice: Obj) -> Obj:
    """Return the invoice with its final amount due, and store the customer's new balance."""
    customer = storage.get(invoice["customer"] or "", "customer") or {"balance": 0}
    start, due, end = compute_amount_due(customer, invoice["total"], invoice["currency"])
    _change_balance(invoice, end - start, "invoice_too_small" if end > 0 else "applied_to_invoice")
    amounts = {"amount_due": due, "amount_remaining": due, "starting_balance": start, "ending_balance": end}
    return storage.put(invoice | amounts)


def restore_balance(invoice: Obj) -> None:
    """Undo apply_balance for a voided invoice."""
    used = invoice["starting_balance"] - (invoice["ending_balance"] or 0)
    _change_balance(invoice, used, "unapplied_from_invoice")


def _change_balance(invoice: Obj, amount: int, kind: str) -> None:
    customer = storage.get(invoice["customer"] or "", "customer")
    if not amount or customer is None or customer.get("deleted"):
        return
    if customer["currency"] not in (None, invoice["currency"]):
        return
    after = storage.update(customer["id"], balance=customer["balance"] + amount)
    record_balance_change(after, amount, kind, currency=invoice["currency"], invoice=invoice["id"])
    events.emit_updated("customer", customer, after)


def record_balance_change(customer: Obj, amount: int, kind: str, **fields: str) -> None:
    """Store the balance transaction for a customer whose balance has changed by `amount`."""
    defaults = {
        "amount": amount,
        "currency": customer["currency"] or "usd",
        "customer": customer["id"],
        "ending_balance": customer["balance"],
        "metadata": {},
        "type": kind,
    }
    storage.put(shapes.new(stripe.CustomerBalanceTransaction, defaults, fields))


def set_currency(customer_id: str | None, currency: str) -> None:
    """Set the currency of the customer's first invoice or subscription. It changes when nothing uses the old one."""
    customer = storage.get(customer_id or "", "customer")
    if customer is None or customer.get("deleted") or customer["currency"] == currency:
        return
    if customer["currency"] and (customer["balance"] or find_other_currency(customer["id"], currency)):
        return
    events.emit_updated("customer", customer, storage.update(customer["id"], currency=currency))


def check_currency(customer_id: str, currency: str, param: str = "") -> None:
    """Raise ApiError if the customer has a subscription or a pending invoice item in another currency."""
    if other := find_other_currency(customer_id, currency):
        message = (
            "You cannot combine currencies on a single customer. This customer has an active subscription, subscription"
            f" schedule, discount, quote, or invoice item with currency {other}"
        )
        raise errors.ApiError(message, param=param)


def find_other_currency(customer_id: str, currency: str) -> str:
    of_customer = ("customer", "=", customer_id)
    used = [
        subscription["currency"]
        for subscription in storage.find("subscription", of_customer)
        if subscription["status"] not in _ENDED
    ]
    used += [item["currency"] for item in storage.find("invoiceitem", of_customer, ("invoice", "IS", None))]
    return next((str(other) for other in used if other != currency), "")
