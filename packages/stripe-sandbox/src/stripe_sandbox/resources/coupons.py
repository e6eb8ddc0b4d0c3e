"""https://docs.stripe.com/api/coupons, /api/promotion_codes and /api/discounts"""

import stripe

from .. import calls, clock, currencies, errors, events, ids, shapes, storage
from ..calls import Call, change, drop_empty, load
from ..storage import Obj
from .subscriptions import add_interval


class Refused(Exception):
    """The buyer cannot use this code. The message is for the buyer."""


def create(call: Call) -> Obj:
    params = drop_empty(call.params)
    if storage.get(params.get("id", "")):
        raise errors.ApiError("Coupon already exists.", code="resource_already_exists", param="id")
    _check(params)
    defaults = {"duration": "once", "metadata": {}, "times_redeemed": 0, "valid": True}
    coupon = storage.put(shapes.new(stripe.Coupon, defaults, params))
    events.emit("coupon.created", coupon)
    return coupon


def retrieve(call: Call) -> Obj:
    return _with_validity(load("coupon", call.args["id"]))


def listing(call: Call) -> Obj:
    found = calls.list_objects("coupon")(call)
    return found | {"data": [_with_validity(coupon) for coupon in found["data"]]}


def update(call: Call) -> Obj:
    return change(load("coupon", call.args["id"]), call.params, "coupon")


def delete(call: Call) -> Obj:
    """DELETE /v1/coupons/{id}: no more redemptions; existing discounts stay."""
    coupon = load("coupon", call.args["id"])
    storage.delete(coupon["id"])
    events.emit("coupon.deleted", coupon)
    return {"id": coupon["id"], "object": "coupon", "deleted": True}


def create_code(call: Call) -> Obj:
    params = drop_empty(call.params)
    promotion = params.pop("promotion")
    coupon = load("coupon", promotion.get("coupon", ""), "promotion[coupon]")
    code = params.pop("code", "") or ids.random_letters(8).upper()
    if _active_code(code):
        message = f"An active promotion code with `code: {code}` already exists."
        raise errors.ApiError(message, code="resource_already_exists", param="code")
    if "customer" in params:
        load("customer", params["customer"], "customer")
    if params.get("expires_at", clock.now() + 1) <= clock.now():
        raise errors.ApiError("`expires_at` must be in the future.", param="expires_at")
    restrictions = shapes.fill(
        stripe.PromotionCode.Restrictions,
        **({"first_time_transaction": False} | params.pop("restrictions", {})),
    )
    defaults = {
        "active": True,
        "code": code,
        "metadata": {},
        "promotion": {"coupon": coupon["id"], "type": "coupon"},
        "restrictions": restrictions,
        "times_redeemed": 0,
    }
    promotion_code = storage.put(shapes.new(stripe.PromotionCode, defaults, params))
    events.emit("promotion_code.created", promotion_code)
    return promotion_code


def get_by_code(code: str) -> Obj:
    found = _active_code(code.strip())
    if found is None:
        raise Refused("This code is invalid.")
    return found


def check_code(promotion_code: Obj, customer: str | None, subtotal: int, currency: str) -> Obj:
    """Return the coupon of the code. Raise Refused if this customer cannot use it for this order."""
    coupon = storage.get(promotion_code["promotion"]["coupon"], "coupon")
    limits, ends = promotion_code["restrictions"], promotion_code["expires_at"]
    used_up = promotion_code["max_redemptions"] and (
        promotion_code["times_redeemed"] >= promotion_code["max_redemptions"]
    )
    if not promotion_code["active"] or used_up or (ends and ends <= clock.now()) or coupon is None:
        raise Refused("This code has expired.")
    if promotion_code["customer"] and promotion_code["customer"] != customer:
        raise Refused("This code is invalid.")
    if limits["first_time_transaction"] and customer and _has_bought(customer):
        raise Refused("This code is for your first order only.")
    if limits["minimum_amount"] and (
        subtotal < limits["minimum_amount"] or currency != limits["minimum_amount_currency"]
    ):
        raise Refused("Your order is too small for this code.")
    return check_coupon(coupon, currency)


def check_coupon(coupon: Obj, currency: str) -> Obj:
    if not _with_validity(coupon)["valid"]:
        raise Refused("This code has expired.")
    if coupon["amount_off"] and coupon["currency"] != currency:
        raise Refused("This code does not apply to your order.")
    return coupon


def redeem(applied: Obj, **owner: object) -> Obj:
    """Store a discount for `applied`, an entry of the session's discounts, and count the redemption.

    `owner` are the customer, subscription and checkout_session of the discount.
    """
    code = storage.get(applied["promotion_code"] or "", "promotion_code")
    coupon = storage.get(code["promotion"]["coupon"] if code else applied["coupon"], "coupon") or {}
    for counted in filter(None, (coupon, code)):
        storage.update(counted["id"], times_redeemed=counted["times_redeemed"] + 1)
    months = coupon["duration_in_months"]
    defaults = {
        "end": add_interval(clock.now(), "month", months) if months else None,
        "promotion_code": applied["promotion_code"],
        "source": {"coupon": coupon["id"], "type": "coupon"},
        "start": clock.now(),
    }
    return storage.put(shapes.new(stripe.Discount, defaults, owner), hidden={"coupon": coupon})


def get_discount_coupon(discount_id: str) -> Obj | None:
    """Return the coupon as it was at the redemption; None if the discount has ended."""
    discount = storage.get(discount_id, "discount")
    if discount is None or (discount["end"] and discount["end"] <= clock.now()):
        return None
    coupon: Obj = storage.get_hidden(discount_id)["coupon"]
    return coupon


def _check(params: Obj) -> None:
    percent, amount = params.get("percent_off"), params.get("amount_off")
    if (percent is None) == (amount is None):
        if percent is None:
            raise errors.missing("percent_off")
        raise errors.exclusive("amount_off", "percent_off")
    if percent is not None and not 0 < percent <= 100:
        raise errors.ApiError("Invalid decimal; must be greater than 0 and at most 100", param="percent_off")
    if amount is not None:
        if amount < 1:
            raise errors.ApiError("Invalid positive integer", param="amount_off")
        if "currency" not in params:
            raise errors.missing("currency")
        params["currency"] = currencies.check_currency(params["currency"], "currency")
    if (params.get("duration") == "repeating") != ("duration_in_months" in params):
        message = "`duration_in_months` belongs to the duration `repeating`, and to no other."
        raise errors.ApiError(message, param="duration_in_months")
    if params.get("redeem_by", clock.now() + 1) <= clock.now():
        raise errors.ApiError("`redeem_by` must be in the future.", param="redeem_by")


def _with_validity(coupon: Obj) -> Obj:
    used_up = coupon["max_redemptions"] and coupon["times_redeemed"] >= coupon["max_redemptions"]
    over = coupon["redeem_by"] and coupon["redeem_by"] <= clock.now()
    return coupon | {"valid": not (used_up or over)}


def _active_code(code: str) -> Obj | None:
    active = storage.find("promotion_code", ("active", "=", True))
    return next((found for found in active if found["code"].lower() == code.lower()), None)


def _has_bought(customer: str) -> bool:
    return bool(storage.find("charge", ("customer", "=", customer), ("status", "=", "succeeded")))
