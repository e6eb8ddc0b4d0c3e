"""The texts of the billing portal: subscriptions, card and invoices."""

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
    """A subscription. `note` describes what happens next. `card` is "" if the customer's default pays."""

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
    date: str
    amount: str
    state: str
    name: str
    url: str


def rows(customer: Obj) -> list[Row]:
    found = storage.find("subscription", ("customer", "=", customer["id"]))
    return [_row(subscription) for subscription in found if subscription["status"] not in subscriptions.ENDED]


def invoices(customer: Obj) -> list[InvoiceRow]:
    found, _ = storage.page("invoice", ("customer", "=", customer["id"]), ("status", "!=", "draft"), limit=24)
    return [
        InvoiceRow(
            formatting.date(invoice["created"]),
            formatting.format_money(invoice["total"], invoice["currency"]),
            str(invoice["status"]).capitalize(),
            ", ".join(line["description"] or "" for line in invoice["lines"]["data"]),
            invoice["hosted_invoice_url"] or "",
        )
        for invoice in found
    ]


def card(customer: Obj) -> str:
    return _card((customer["invoice_settings"] or {}).get("default_payment_method"))


def overdue(customer: Obj) -> str:
    found = storage.find("invoice", ("customer", "=", customer["id"]), ("status", "=", "open"))
    overdue_invoices = [invoice for invoice in found if invoice["attempted"]]
    total = sum(invoice["amount_remaining"] for invoice in overdue_invoices)
    return formatting.format_money(total, overdue_invoices[0]["currency"]) if total else ""


def end_date(subscription: Obj) -> str:
    """Return the day on which the subscription ends, or would end if the customer cancels now."""
    periods = [item["current_period_end"] for item in subscription["items"]["data"]]
    return formatting.date(subscription["cancel_at"] or min(periods))


def _row(subscription: Obj) -> Row:
    item = subscription["items"]["data"][0]
    product = storage.get(item["price"]["product"]) or {"name": "Subscription"}
    amount = formatting.format_money(
        (item["price"]["unit_amount"] or 0) * item["quantity"], subscription["currency"]
    )
    ends = bool(subscription["cancel_at_period_end"] or subscription["cancel_at"])
    day = end_date(subscription)
    next_step = {"trialing": f"Trial ends on {day}", "past_due": "The last payment failed"}
    note = next_step.get(str(subscription["status"]), f"Renews on {day}")
    return Row(
        subscription,
        product["name"],
        f"{amount} per {formatting.format_interval(item['price']['recurring'])}",
        str(_STATES.get(subscription["status"], subscription["status"])),
        f"Ends on {day}" if ends else note,
        _card(subscription["default_payment_method"]),
        formatting.local_image(product),
        ends,
    )


def _card(method_id: str | None) -> str:
    found = (storage.get(method_id or "", "payment_method") or {}).get("card")
    return f"{found['brand'].capitalize()} •••• {found['last4']}" if found else ""
