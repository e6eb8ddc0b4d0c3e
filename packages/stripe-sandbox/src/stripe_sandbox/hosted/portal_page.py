"""The billing portal as a page needs it: subscriptions, card, invoices, each in a few words."""

from dataclasses import dataclass

from .. import formatting, storage
from ..resources import subscriptions
from ..storage import Obj

_STATES = {
    "active": "Active",
    "trialing": "Free trial",
    "past_due": "Past due",
    "unpaid": "Unpaid",
    "paused": "Paused",
    "incomplete": "Waiting for payment",
}


@dataclass(frozen=True)
class Row:
    """A subscription. `note` says what comes next, `card` what pays for it ("" when the customer's default does)."""

    subscription: Obj
    name: str
    price: str
    state: str
    note: str
    card: str
    image: str
    ends: bool


@dataclass(frozen=True)
class InvoiceRow:
    """A line of the history. `url` is the invoice's page."""

    date: str
    amount: str
    state: str
    name: str
    url: str


def rows(customer: Obj) -> list[Row]:
    """The subscriptions that haven't ended, newest first."""
    found = storage.find("subscription", ("customer", "=", customer["id"]))
    return [_row(subscription) for subscription in found if subscription["status"] not in subscriptions.ENDED]


def invoices(customer: Obj) -> list[InvoiceRow]:
    """The latest invoices."""
    found, _ = storage.page("invoice", ("customer", "=", customer["id"]), ("status", "!=", "draft"), limit=24)
    return [
        InvoiceRow(
            formatting.date(invoice["created"]),
            formatting.money(invoice["total"], invoice["currency"]),
            str(invoice["status"]).capitalize(),
            ", ".join(line["description"] or "" for line in invoice["lines"]["data"]),
            invoice["hosted_invoice_url"] or "",
        )
        for invoice in found
    ]


def card(customer: Obj) -> str:
    """The customer's own default card, "" when there is none."""
    return _card((customer["invoice_settings"] or {}).get("default_payment_method"))


def overdue(customer: Obj) -> str:
    """What is owed since a payment failed, "" when nothing is."""
    found = storage.find("invoice", ("customer", "=", customer["id"]), ("status", "=", "open"))
    owed = [invoice for invoice in found if invoice["attempted"]]
    total = sum(invoice["amount_remaining"] for invoice in owed)
    return formatting.money(total, owed[0]["currency"]) if total else ""


def end_of(subscription: Obj) -> str:
    """The day on which it ends, or would if it were cancelled now."""
    periods = [item["current_period_end"] for item in subscription["items"]["data"]]
    return formatting.date(subscription["cancel_at"] or min(periods))


def _row(subscription: Obj) -> Row:
    item = subscription["items"]["data"][0]
    product = storage.get(item["price"]["product"]) or {"name": "Subscription"}
    amount = formatting.money(
        (item["price"]["unit_amount"] or 0) * item["quantity"], subscription["currency"]
    )
    ends = bool(subscription["cancel_at_period_end"] or subscription["cancel_at"])
    day = end_of(subscription)
    next_step = {"trialing": f"Trial ends on {day}", "past_due": "The last payment failed"}
    note = next_step.get(str(subscription["status"]), f"Renews on {day}")
    return Row(
        subscription,
        product["name"],
        f"{amount} per {formatting.interval(item['price']['recurring'])}",
        str(_STATES.get(subscription["status"], subscription["status"])),
        f"Ends on {day}" if ends else note,
        _card(subscription["default_payment_method"]),
        formatting.local_image(product),
        ends,
    )


def _card(method_id: str | None) -> str:
    found = (storage.get(method_id or "", "payment_method") or {}).get("card")
    return f"{found['brand'].capitalize()} •••• {found['last4']}" if found else ""
