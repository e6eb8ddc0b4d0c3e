"""Prorations of a changed subscription. https://docs.stripe.com/billing/subscriptions/prorations"""

from datetime import UTC, datetime

from .. import pricing, storage
from ..resources import coupons, invoice_items, invoices, price_amounts
from ..storage import Obj

_BILLED = ("active", "past_due", "unpaid")


def prorate(subscription: Obj, items: list[Obj], at: int, only_credits: bool) -> None:
    """Store pending lines from `at` to the period's end: credits for the old items, debits for the new ones.

    Only credits, for all items, if the new items start a new period.
    """
    if subscription["status"] not in _BILLED:
        return
    old = {item["id"]: item for item in subscription["items"]["data"]}
    new = {item["id"]: item for item in items}
    for item_id, item in old.items():
        if only_credits or item_id not in new or _terms(item) != _terms(new[item_id]):
            _credit(subscription, item, at)
    if only_credits:
        return
    for item, net in zip(items, _net_amounts(subscription, items), strict=True):
        if item["id"] not in old or _terms(item) != _terms(old[item["id"]]):
            _debit(subscription, item, net, at)


def _credit(subscription: Obj, item: Obj, at: int) -> None:
    """Credit the unused share of what was billed for the item, as in the billing mode `flexible`."""
    billed = storage.get_hidden(item["id"]).get("debit")
    if not billed or not billed["start"] <= at < billed["end"]:
        return
    amount = -pricing.prorate(billed["amount"], billed["end"] - at, billed["end"] - billed["start"])
    if amount:
        text = f"Unused time on {_describe(item, at)}"
        credited = {"credited_items": _credited_items(billed)}
        invoice_items.new_proration(subscription, item, amount, at, text, **credited)
    storage.update_hidden(item["id"], debit=None)


def _debit(subscription: Obj, item: Obj, net: int, at: int) -> None:
    start, end = item["current_period_start"], item["current_period_end"]
    amount = pricing.prorate(net, end - at, end - start) if at < end else 0
    if amount:
        text = f"Remaining time on {_describe(item, at)}"
        stored = invoice_items.new_proration(subscription, item, amount, at, text)
        debit = {"amount": amount, "start": at, "end": end, "invoice_item": stored["id"]}
        storage.update_hidden(item["id"], debit=debit)


def _net_amounts(subscription: Obj, items: list[Obj]) -> list[int]:
    """Return the amounts of whole periods after the discount of the next invoice."""
    discount = invoices.next_discount(subscription)
    coupon = coupons.get_discount_coupon(discount) if discount else None
    currency = subscription["currency"]
    rows = [
        (item["price"], price_amounts.compute_amount(item["price"], item["quantity"], currency))
        for item in items
    ]
    return [sums.subtotal - sums.discount for sums in pricing.compute_amounts(rows, coupon, taxed=False)]


def _credited_items(billed: Obj) -> Obj:
    """Return the pending item or the invoice line that a credit applies to."""
    item = storage.get(billed.get("invoice_item", ""), "invoiceitem")
    if item is None:
        lines = {"invoice": billed["invoice"], "invoice_line_items": [billed["line"]]}
    elif item["invoice"] is None:
        return {"invoice_item": item["id"], "invoice_line_item_details": None, "type": "invoice_item"}
    else:
        lines = {"invoice": item["invoice"], "invoice_line_items": _find_lines(item)}
    return {"invoice_item": None, "invoice_line_item_details": lines, "type": "invoice_line_items"}


def _find_lines(item: Obj) -> list[str]:
    invoice = storage.get(item["invoice"]) or {}
    return [
        line["id"]
        for line in invoice["lines"]["data"]
        if line["parent"]["subscription_item_details"]
        and line["parent"]["subscription_item_details"]["invoice_item"] == item["id"]
    ]


def _describe(item: Obj, at: int) -> str:
    product = storage.get(item["price"]["product"], "product") or {"name": item["price"]["product"]}
    return f"{item['quantity']} × {product['name']} after {datetime.fromtimestamp(at, UTC):%d %b %Y}"


def _terms(item: Obj) -> tuple[int | None, int]:
    return item["price"]["unit_amount"], item["quantity"]
