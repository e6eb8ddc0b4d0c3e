"""The texts of the billing portal: subscriptions, card and invoices."""

from dataclasses import dataclass

from .. import formatting, storage
from ..resources import portal_flows, price_amounts, subscriptions
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
    can_switch: bool


@dataclass(frozen=True)
class Plan:
    price: str
    name: str
    amount: str


@dataclass(frozen=True)
class InvoiceRow:
    date: str
    amount: str
    state: str
    name: str
    url: str


def rows(customer: Obj) -> list[Row]:
    found = storage.find("subscription", ("customer", "=", customer["id"]))
    return [row(subscription) for subscription in found if subscription["status"] not in subscriptions.ENDED]


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


def plans(subscription: Obj, price_ids: list[str]) -> list[Plan]:
    """Return the active prices in the subscription's currency, except the current one."""
    (item,) = subscription["items"]["data"]
    found = [storage.get(price_id, "price") or {"active": False} for price_id in price_ids]
    return [
        plan(price, item["quantity"], subscription["currency"])
        for price in found
        if price["active"]
        and price_amounts.supports(price, subscription["currency"])
        and price["id"] != item["price"]["id"]
    ]


def plan(price: Obj, quantity: int, currency: str) -> Plan:
    product = storage.get(price["product"], "product") or {"name": "Subscription"}
    name = product["name"] if quantity == 1 else f"{quantity} × {product['name']}"
    amount = price_amounts.compute_amount(price, quantity, currency)
    return Plan(price["id"], name, _format_price(amount, currency, price["recurring"]))


def invoice_lines(invoice: Obj) -> list[tuple[str, str]]:
    """Return texts and amounts that add up to the amount due: lines, discount, tax and customer balance."""
    currency = invoice["currency"]
    rows = [(line["description"], line["amount"]) for line in invoice["lines"]["data"]]
    rows.append(("Discount", -sum(row["amount"] for row in invoice["total_discount_amounts"])))
    exclusive = [tax["amount"] for tax in invoice["total_taxes"] if tax["tax_behavior"] == "exclusive"]
    rows.append(("Tax", sum(exclusive)))
    rows.append(("Balance", invoice["amount_due"] - invoice["total"]))
    return [(text, formatting.format_money(amount, currency)) for text, amount in rows if amount]


def next_payment(invoice: Obj) -> str:
    amount = formatting.format_money(invoice["amount_due"], invoice["currency"])
    return f"{amount} on {formatting.date(invoice['created'])}"


def row(subscription: Obj) -> Row:
    items = subscription["items"]["data"]
    products = [storage.get(item["price"]["product"]) or {"name": "Subscription"} for item in items]
    currency = subscription["currency"]
    amount = sum(price_amounts.compute_amount(item["price"], item["quantity"], currency) for item in items)
    ends = bool(subscription["cancel_at_period_end"] or subscription["cancel_at"])
    day = end_date(subscription)
    next_step = {"trialing": f"Trial ends on {day}", "past_due": "The last payment failed"}
    note = next_step.get(str(subscription["status"]), f"Renews on {day}")
    return Row(
        subscription,
        ", ".join(product["name"] for product in products),
        _format_price(amount, currency, items[0]["price"]["recurring"]),
        str(_STATES.get(subscription["status"], subscription["status"])),
        f"Ends on {day}" if ends else note,
        _card(subscription["default_payment_method"]),
        formatting.local_image(products[0]),
        ends,
        portal_flows.is_switchable(subscription) and not ends,
    )


def _format_price(amount: int, currency: str, recurring: Obj) -> str:
    return f"{formatting.format_money(amount, currency)} per {formatting.format_interval(recurring)}"


def _card(method_id: str | None) -> str:
    found = (storage.get(method_id or "", "payment_method") or {}).get("card")
    return f"{found['brand'].capitalize()} •••• {found['last4']}" if found else ""
