"""Amounts and terms in the words of the hosted page: "$9.00 per month", "14 days free", "Then …"."""

import datetime
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from babel.dates import format_date
from babel.numbers import format_currency, get_currency_precision
from django.conf import settings

from .. import pricing
from ..resources import session_amounts
from ..storage import Obj

if TYPE_CHECKING:
    from .order import Order

# Stripe counts these in hundredths although they have no minor unit [docs.stripe.com/currencies#special-cases].
_TWO_DECIMALS = {"ISK", "UGX"}
_BILLED = {"month": "Billed monthly", "year": "Billed yearly"}


def money(amount: int, currency: str) -> str:
    """An amount in the currency's minor unit as text: (900, "usd") is "$9.00", (500, "jpy") is "¥500"."""
    code = currency.upper()
    return format_currency(amount / 10 ** _decimals(code), code, locale="en_US")


def major(amount: int, currency: str) -> str:
    """An amount in the minor unit as a plain number for an input: (900, "usd") is "9.00"."""
    decimals = _decimals(currency.upper())
    return f"{amount / 10**decimals:.{decimals}f}"


def minor(text: str, currency: str) -> int | None:
    """What a person typed as an amount ("9.00", "9") in the minor unit; None when it isn't one."""
    try:
        return int(Decimal(text.strip()) * 10 ** _decimals(currency.upper()))
    except (ArithmeticError, ValueError):
        return None


def interval(recurring: Obj) -> str:
    """ "month", "year", "3 months" of a price's `recurring`."""
    count = recurring["interval_count"]
    return recurring["interval"] if count == 1 else f"{count} {recurring['interval']}s"


def date(timestamp: int) -> str:
    """A Unix time as a day: "December 7, 2026"."""
    day = datetime.datetime.fromtimestamp(timestamp, datetime.UTC).date()
    return format_date(day, "long", locale="en_US")


def local_image(product: Obj) -> str:
    """The product's first picture as an address on this site, or "" (the page may load nothing from elsewhere)."""
    url = next(iter(product.get("images") or []), "")
    path = url.removeprefix(settings.SITE_URL)
    return path if path.startswith("/") else urlsplit(url).path if "/static/" in url else ""


@dataclass(frozen=True)
class Line:
    """One row of the order summary."""

    name: str
    description: str
    image: str
    quantity: int
    amount: str
    note: str


@dataclass(frozen=True)
class Summary:
    """The order as the page shows it. `then` is what comes after today, "" for a one-time payment."""

    heading: str
    headline: str
    per: str
    then: str
    button: str
    today: str
    subtotal: str
    total_label: str
    lines: list[Line] = field(default_factory=list)
    sums: list[tuple[str, str]] = field(default_factory=list)


def summarise(order: "Order") -> Summary:
    """The words for an order as it stands."""
    session, rows = order.session, order.rows
    trial_days, trial_end = order.trial_days, order.trial_end or 0
    currency, total = session["currency"], session["amount_total"]
    recurring = next((price["recurring"] for _, price, _ in rows if price["recurring"]), None)
    lines = [_line(item, price, product, trial_days) for item, price, product in rows]
    texts: dict[str, Any] = {
        "today": money(total, currency),
        "subtotal": money(session["amount_subtotal"], currency),
        "lines": lines,
        "sums": _sums(order),
    }
    if recurring is None:
        pay = f"Pay {money(total, currency)}" if total else "Complete order"
        heading = f"Pay {getattr(settings, 'SITE_NAME', 'the store')}"
        return Summary(heading, money(total, currency), "", "", pay, total_label="Total due", **texts)
    every = f"{money(_renewal(order), currency)} per {interval(recurring)}"
    name = lines[0].name
    if trial_days:
        free, then = f"{trial_days} days free", f"Then {every} starting {date(trial_end)}"
        return Summary(f"Try {name}", free, "", then, "Start trial", total_label="Total due today", **texts)
    first, per = money(total, currency), f"per {interval(recurring)}"
    if total != _renewal(order):
        per = "today"
    then = f"Then {every}, until you cancel"
    heading = f"Subscribe to {name}"
    return Summary(heading, first, per, then, "Subscribe", total_label="Total due today", **texts)


def _renewal(order: "Order") -> int:
    """What the subscription costs each time after today; a discount counts if it lasts forever."""
    coupon = session_amounts.coupon_of(order.session)
    lasting = coupon if coupon and coupon["duration"] == "forever" else None
    rows = [
        (price, price["unit_amount"] * (item["quantity"] or 1))
        for item, price, _ in order.rows
        if price["recurring"]
    ]
    return sum(each.total for each in pricing.reckon(rows, lasting, order.taxed))


def _sums(order: "Order") -> list[tuple[str, str]]:
    """(label, amount) of what stands between subtotal and total: discount and tax."""
    details, currency = order.session["total_details"], order.session["currency"]
    coupon = session_amounts.coupon_of(order.session)
    sums = []
    if coupon:
        off = f"{coupon['percent_off']:g}% off" if coupon["percent_off"] else "off"
        sums.append((f"{coupon['name'] or 'Discount'} ({off})", money(-details["amount_discount"], currency)))
    if order.taxed:
        inside = any(price["tax_behavior"] == "inclusive" for _, price, _ in order.rows)
        label = f"Tax ({pricing.TAX_PERCENT}%{', included' if inside else ''})"
        sums.append((label, money(details["amount_tax"], currency)))
    return sums


def _decimals(code: str) -> int:
    return 2 if code in _TWO_DECIMALS else get_currency_precision(code)


def _line(item: Obj, price: Obj, product: Obj, trial_days: int) -> Line:
    quantity = item["quantity"] or 1
    amount = money(price["unit_amount"] * quantity, price["currency"])
    note = ""
    if price["recurring"]:
        every = interval(price["recurring"])
        note = _BILLED.get(every, f"Billed every {every}")
        if trial_days:
            amount, note = f"{trial_days} days free", f"{amount} / {every} after"
    text = price["nickname"] or product["description"] or ""
    return Line(product["name"], text, local_image(product), quantity, amount, note)
