"""The order as text: "$9.00 per month", "14 days free", "Then …", in the language of the page."""

from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from .. import formatting, pricing, storage
from ..resources import price_amounts, session_amounts
from ..storage import Obj
from . import quantities, texts
from .session_view import SessionView

_BILLED = {"month": "Billed monthly", "year": "Billed yearly"}
_SUBMIT_TEXTS = {"book": "Book", "donate": "Donate"}


@dataclass(frozen=True)
class Line:
    """A line item. `limits` are set if the buyer can change its quantity."""

    id: str
    name: str
    description: str
    image: str
    quantity: int
    amount: str
    note: str
    input_name: str = ""
    limits: Obj | None = None
    is_optional: bool = False


@dataclass(frozen=True)
class Offer:
    """An optional item that the buyer can add."""

    index: str
    name: str
    amount: str


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
    offers: list[Offer] = field(default_factory=list)


class _Writer:
    """Write the texts of one order in one language."""

    def __init__(self, order: SessionView, language: str) -> None:
        self.order, self.session, self.language = order, order.session, language

    def text(self, text: str, **values: Any) -> str:
        return texts.translate(text, self.language, **values)

    def money(self, amount: int) -> str:
        return formatting.format_money(amount, self.session["currency"], self.language)

    def interval(self, recurring: Obj) -> str:
        return texts.format_interval(recurring, self.language)


def summarize(order: SessionView, language: str = "en") -> Summary:
    write = _Writer(order, language)
    session, rows, total = order.session, order.rows, order.session["amount_total"]
    trial_days, trial_end = order.trial_days, order.trial_end or 0
    recurring = next((price["recurring"] for _, price, _ in rows if price["recurring"]), None)
    lines = [_line(write, item, price, product, trial_days) for item, price, product in rows]
    local = _local_total(order, language)
    shown: dict[str, Any] = {
        "today": write.money(total),
        "subtotal": write.money(session["amount_subtotal"]),
        "lines": lines,
        "sums": _discount_and_tax(write),
        "local": local,
        "offers": [_offer(write, index, offer) for index, offer in order.offers.items()],
    }
    name = lines[0].name
    if recurring is None:
        heading = write.text("Pay {name}", name=getattr(settings, "SITE_NAME", "the store"))
        button, label = _button(write, total, local), write.text("Total due")
        return Summary(heading, write.money(total), "", "", button, total_label=label, **shown)
    shown["total_label"] = write.text("Total due today")
    per = write.text("per {interval}", interval=write.interval(recurring))
    every = f"{write.money(_renewal(order))} {per}"
    if trial_days:
        free = write.text("{days} days free", days=trial_days)
        date = formatting.date(trial_end, language)
        then = write.text("Then {every} starting {date}", every=every, date=date)
        heading, button = write.text("Try {name}", name=name), write.text("Start trial")
        return Summary(heading, free, "", then, button, **shown)
    if total != _renewal(order):
        per = write.text("today")
    then = write.text("Then {every}, until you cancel", every=every)
    heading, button = write.text("Subscribe to {name}", name=name), write.text("Subscribe")
    return Summary(heading, write.money(total), per, then, button, **shown)


def _button(write: _Writer, total: int, local: str) -> str:
    verb = _SUBMIT_TEXTS.get(write.session["submit_type"] or "")
    if verb:
        return write.text(verb)
    if write.order.custom_amount:
        return write.text("Pay")
    return (
        write.text("Pay {amount}", amount=local or write.money(total))
        if total
        else write.text("Complete order")
    )


def _local_total(order: SessionView, language: str) -> str:
    paid = order.presentment_fields.get("presentment_details")
    if not paid:
        return ""
    return formatting.format_money(paid["presentment_amount"], paid["presentment_currency"], language)


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


def _discount_and_tax(write: _Writer) -> list[tuple[str, str]]:
    order, details = write.order, write.session["total_details"]
    coupon = session_amounts.get_coupon(write.session)
    sums = []
    if coupon:
        percent = coupon["percent_off"]
        off = write.text("{percent}% off", percent=f"{percent:g}") if percent else write.text("off")
        name = coupon["name"] or write.text("Discount")
        sums.append((f"{name} ({off})", write.money(-details["amount_discount"])))
    if order.taxed:
        inside = any(price["tax_behavior"] == "inclusive" for _, price, _ in order.rows)
        label = "Tax ({percent}%, included)" if inside else "Tax ({percent}%)"
        sums.append((write.text(label, percent=pricing.TAX_PERCENT), write.money(details["amount_tax"])))
    return sums


def _line(write: _Writer, item: Obj, price: Obj, product: Obj, trial_days: int) -> Line:
    quantity = item["quantity"] or 1
    full = price_amounts.compute_amount(price, quantity, item["currency"]) or item["amount_subtotal"]
    amount, note = write.money(full), ""
    if price["recurring"]:
        every = write.interval(price["recurring"])
        key = formatting.format_interval(price["recurring"])
        note = write.text(_BILLED.get(key, "Billed every {interval}"), interval=every)
        if trial_days:
            note = write.text("{amount} / {interval} after", amount=amount, interval=every)
            amount = write.text("{days} days free", days=trial_days)
    return Line(
        item["id"],
        product["name"],
        price["nickname"] or product["description"] or "",
        formatting.local_image(product),
        quantity,
        amount,
        note,
        quantities.input_name(item),
        item["adjustable_quantity"],
        write.order.is_optional(item),
    )


def _offer(write: _Writer, index: str, offer: Obj) -> Offer:
    price = storage.get(offer["price"], "price") or {}
    product = storage.get(price["product"], "product") or {}
    amount = write.money(price_amounts.compute_amount(price, offer["quantity"], write.session["currency"]))
    if price["recurring"]:
        interval = write.interval(price["recurring"])
        amount = write.text("{amount} per {interval}", amount=amount, interval=interval)
    return Offer(index, product["name"], amount)
