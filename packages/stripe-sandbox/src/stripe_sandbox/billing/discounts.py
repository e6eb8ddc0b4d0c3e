"""The discount of a subscription. https://docs.stripe.com/billing/subscriptions/coupons"""

from .. import errors, events
from ..calls import load
from ..resources import coupons, price_amounts, promotion_codes
from ..storage import Obj


def change(subscription: Obj, rows: list[Obj] | None) -> list[str]:
    """Redeem the coupon or promotion code in `rows`, end other discounts, and return the discounts' ids.

    Raise ApiError if the subscription cannot have this discount.
    """
    rows = rows or []
    if len(rows) > 1:
        raise errors.unsupported("several discounts of a subscription", "discounts")
    before = subscription["discounts"]
    after = [_redeem(subscription, row, f"discounts[{number}]") for number, row in enumerate(rows)]
    for discount in before:
        if discount not in after:
            events.emit("customer.discount.deleted", load("discount", discount))
    return after


def _redeem(subscription: Obj, row: Obj, param: str) -> str:
    if len(row) != 1:
        raise errors.exclusive(*(f"{param}[{name}]" for name in ("coupon", "promotion_code", "discount")))
    if "discount" in row:
        if row["discount"] not in subscription["discounts"]:
            raise errors.no_such("discount", row["discount"], f"{param}[discount]")
        return str(row["discount"])
    applied = {"coupon": row.get("coupon"), "promotion_code": row.get("promotion_code")}
    _check(subscription, applied, param)
    discount = coupons.redeem(
        applied,
        subscription["currency"],
        customer=subscription["customer"],
        subscription=subscription["id"],
        checkout_session=None,
    )
    events.emit("customer.discount.created", discount)
    return str(discount["id"])


def _check(subscription: Obj, applied: Obj, param: str) -> None:
    currency = subscription["currency"]
    products = {item["price"]["product"] for item in subscription["items"]["data"]}
    subtotal = sum(
        price_amounts.compute_amount(item["price"], item["quantity"], currency)
        for item in subscription["items"]["data"]
    )
    try:
        if applied["coupon"]:
            coupon = load("coupon", applied["coupon"], f"{param}[coupon]")
            coupons.check_coupon(coupon, currency, products)
        else:
            code = load("promotion_code", applied["promotion_code"], f"{param}[promotion_code]")
            promotion_codes.check_code(code, subscription["customer"], subtotal, currency, products)
    except coupons.Refused as refused:
        raise refused.error(f"{param}[{'coupon' if applied['coupon'] else 'promotion_code'}]") from None
