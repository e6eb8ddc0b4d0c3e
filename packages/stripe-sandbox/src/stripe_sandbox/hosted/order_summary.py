"""The order as text: "$9.00 per month", "14 days free", "Then …"."""

from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from .. import formatting, pricing
from ..resources import price_amounts, session_amounts
from ..storage import Obj
from .session_view import SessionView

_BILLED = {"month": "Billed monthly", "year": "Billed yearly"}


@dataclass(frozen=True)
class Line:
    name: str
    description: str
    image: str
    quantity: int
    amount: str
    note: str


@dataclass(frozen=True)
class Summary:
    """`then` describes later payments, "" for a one-time payment; `local` what the buyer pays in another currency."""

    heading: str
    headline: str
    per: str
    then: str
    button: str
    today: str
    subtotal: str
    total_label: str
    local: str = ""
    lines: list[Line] = field(default_factory=list)
    sums: list[tuple[str, str]] = field(default_factory=list)


def summarize(order: SessionView) -> Summary:
    session, rows = order.session, order.rows
    trial_days, trial_end = order.trial_days, order.trial_end or 0
    currency, total = session["currency"], session["amount_total"]
    recurring = next((price["recurring"] for _, price, _ in rows if price["recurring"]), None)
    lines = [_line(item, price, product, trial_days) for item, price, product in rows]
    texts: dict[str, Any] = {
        "today": formatting.format_money(total, currency),
        "subtotal": formatting.format_money(session["amount_subtotal"], currency),
        "lines": lines,
        "sums": _discount_and_tax(order),
        "local": _local_total(order),
    }
    if recurring is None:
        due = texts["local"] or formatting.format_money(total, currency)
        pay = "Pay" if order.custom_amount else f"Pay {due}" if total else "Complete order"
        heading = f"Pay {getattr(settings, 'SITE_NAME', 'the store')}"
        return Summary(
            heading, formatting.format_money(total, currency), "", "", pay, total_label="Total due", **texts
        )
    every = (
        f"{formatting.format_money(_renewal(order), currency)} per {formatting.format_interval(recurring)}"
    )
    name = lines[0].name
    if trial_days:
        free, then = f"{trial_days} days free", f"Then {every} starting {formatting.date(trial_end)}"
        return Summary(f"Try {name}", free, "", then, "Start trial", total_label="Total due today", **texts)
    first, per = formatting.format_money(total, currency), f"per {formatting.format_interval(recurring)}"
    if total != _renewal(order):
        per = "today"
    then = f"Then {every}, until you cancel"
    heading = f"Subscribe to {name}"
    return Summary(heading, first, per, then, "Subscribe", total_label="Total due today", **texts)


def _local_total(order: SessionView) -> str:
    paid = order.presentment_fields.get("presentment_details")
    return formatting.format_money(paid["presentment_amount"], paid["presentment_currency"]) if paid else ""


def _renewal(order: SessionView) -> int:
    """Return the amount of later invoices. Only a discount with the duration `forever` applies to them."""
    coupon = session_amounts.get_coupon(order.session)
    lasting = coupon if coupon and coupon["duration"] == "forever" else None
    rows = [
        (price, price_amounts.compute_amount(price, item["quantity"] or 1, item["currency"]))
        for item, price, _ in order.rows
        if price["recurring"]
    ]
    return sum(each.total for each in pricing.compute_amounts(rows, lasting, order.taxed))


def _discount_and_tax(order: SessionView) -> list[tuple[str, str]]:
    details, currency = order.session["total_details"], order.session["currency"]
    coupon = session_amounts.get_coupon(order.session)
    sums = []
    if coupon:
        off = f"{coupon['percent_off']:g}% off" if coupon["percent_off"] else "off"
        sums.append(
            (
                f"{coupon['name'] or 'Discount'} ({off})",
                formatting.format_money(-details["amount_discount"], currency),
            )
        )
    if order.taxed:
        inside = any(price["tax_behavior"] == "inclusive" for _, price, _ in order.rows)
        label = f"Tax ({pricing.TAX_PERCENT}%{', included' if inside else ''})"
        sums.append((label, formatting.format_money(details["amount_tax"], currency)))
    return sums


def _line(item: Obj, price: Obj, product: Obj, trial_days: int) -> Line:
    quantity = item["quantity"] or 1
    full = price_amounts.compute_amount(price, quantity, item["currency"]) or item["amount_subtotal"]
    amount = formatting.format_money(full, item["currency"])
    note = ""
    if price["recurring"]:
        every = formatting.format_interval(price["recurring"])
        note = _BILLED.get(every, f"Billed every {every}")
        if trial_days:
            amount, note = f"{trial_days} days free", f"{amount} / {every} after"
    text = price["nickname"] or product["description"] or ""
    return Line(product["name"], text, formatting.local_image(product), quantity, amount, note)
