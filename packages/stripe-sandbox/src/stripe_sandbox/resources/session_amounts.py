"""The amounts of a Checkout Session, and the promotion codes that change them."""

from typing import Any

import stripe

from .. import amount_limits, errors, pricing, shapes, storage
from ..calls import load
from ..storage import Obj
from . import coupons, promotion_codes, session_options

Session = stripe.checkout.Session


def price_items(items: list[Obj], coupon: Obj | None, taxed: bool) -> tuple[list[Obj], Obj]:
    """Return the line items with discount and tax, and the totals. Raise ApiError if the total cannot be charged."""
    sums = pricing.compute_amounts(
        [(item["price"], item["amount_subtotal"]) for item in items], coupon, taxed
    )
    rows = [
        item | {"amount_discount": each.discount, "amount_tax": each.tax, "amount_total": each.total}
        for item, each in zip(items, sums, strict=True)
    ]
    total, currency = sum(each.total for each in sums), items[0]["currency"]
    if total:
        _check_total(total, currency)
    details = {
        "amount_discount": sum(each.discount for each in sums),
        "amount_shipping": 0,
        "amount_tax": sum(each.tax for each in sums),
    }
    subtotal = sum(each.subtotal for each in sums)
    return rows, {"amount_subtotal": subtotal, "amount_total": total, "total_details": details}


def _check_total(total: int, currency: str) -> None:
    least = amount_limits.min_charge(currency)
    if total < least:
        limit = amount_limits.format_limit(least, currency)
        message = f"The Checkout Session's total amount due must add up to at least {limit}"
        raise errors.ApiError(message, code="amount_too_small", param="line_items")
    amount_limits.check_maximum(total, currency, "line_items")
    amount_limits.check_multiple(total, currency, "line_items")


def parse_discounts(params: Obj, items: list[Obj]) -> tuple[list[Obj] | None, Obj | None]:
    """Return `discounts` as the session shows them, and their coupon. Raise ApiError if they are invalid."""
    discounts = params.get("discounts")
    if not discounts:
        return None, None
    if "allow_promotion_codes" in params:
        raise errors.exclusive("allow_promotion_codes", "discounts")
    if len(discounts) > 1:
        raise errors.ApiError("A Checkout Session takes one discount.", param="discounts")
    (row,) = discounts
    if ("coupon" in row) == ("promotion_code" in row):
        raise errors.exclusive("discounts[0][coupon]", "discounts[0][promotion_code]")
    subtotal, currency = sum(item["amount_subtotal"] for item in items), items[0]["currency"]
    try:
        if "coupon" in row:
            coupon = load("coupon", row["coupon"], "discounts[0][coupon]")
            coupon = coupons.check_coupon(coupon, currency, _products(items))
        else:
            code = load("promotion_code", row["promotion_code"], "discounts[0][promotion_code]")
            customer, is_guest = params.get("customer"), _is_guest(params)
            coupon = promotion_codes.check_code(
                code, customer, subtotal, currency, _products(items), is_guest
            )
    except coupons.Refused as refused:
        raise refused.error(f"discounts[0][{next(iter(row))}]") from None
    return [shapes.fill(Session.Discount, **row)], coupon


def get_coupon(session: Obj) -> Obj | None:
    for applied in session["discounts"] or []:
        code = storage.get(applied["promotion_code"] or "", "promotion_code")
        coupon = storage.get(code["promotion"]["coupon"] if code else applied["coupon"], "coupon")
        return coupons.localize(coupon, session["currency"]) if coupon else None
    return None


def apply_code(session_id: str, text: str) -> None:
    with storage.transaction():
        session = storage.get(session_id, "checkout.session") or {}
        items = storage.find("item", parent=session_id)
        code = promotion_codes.get_by_code(text, session["customer"])
        coupon = promotion_codes.check_code(
            code,
            session["customer"],
            session["amount_subtotal"],
            session["currency"],
            _products(items),
            _is_guest(session),
        )
        try:
            reprice(session, coupon, discounts=[{"coupon": None, "promotion_code": code["id"]}])
        except errors.ApiError:
            raise coupons.Refused("With this code your order would be too small to be paid.") from None


def remove_code(session_id: str) -> None:
    with storage.transaction():
        reprice(storage.get(session_id, "checkout.session") or {}, None, discounts=None)


def set_custom_amount(session_id: str, amount: int) -> None:
    """Set the amount that the buyer entered for the only line item."""
    with storage.transaction():
        session = storage.get(session_id, "checkout.session") or {}
        (item,) = storage.find("item", parent=session_id)
        storage.put(item | {"amount_subtotal": amount})
        reprice(session, None)


def reprice(session: Obj, coupon: Obj | None, **fields: Any) -> None:
    items = storage.find("item", parent=session["id"])
    rows, amounts = price_items(items, coupon, session["automatic_tax"]["enabled"])
    for row in rows:
        storage.put(row)
    storage.put(session | amounts | fields)


def _is_guest(fields: Obj) -> bool:
    return not fields.get("customer") and not session_options.creates_customer(fields)


def _products(items: list[Obj]) -> set[str]:
    return {item["price"]["product"] for item in items}
