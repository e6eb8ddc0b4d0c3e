"""https://docs.stripe.com/api/promotion_codes"""

import re
from collections.abc import Callable

import stripe

from .. import calls, clock, currencies, errors, events, ids, shapes, storage
from ..calls import Call, change, drop_empty, load
from ..storage import Filter, Obj
from . import coupons
from .coupons import Refused

_CODE = re.compile("[A-Za-z0-9-]+")


def create(call: Call) -> Obj:
    params = drop_empty(call.params)
    promotion = params.pop("promotion")
    if "coupon" not in promotion:
        raise errors.missing("promotion[coupon]")
    coupon = load("coupon", promotion["coupon"], "promotion[coupon]")
    code = params.pop("code", "") or ids.random_letters(8).upper()
    if not _CODE.fullmatch(code):
        message = "The code may only contain letters (a-z, A-Z), digits (0-9) and dashes (-)."
        raise errors.ApiError(message, param="code")
    if "customer" in params:
        load("customer", params["customer"], "customer")
    _check_limits(params, coupon)
    minimums = _pop_minimums(params)
    restrictions = shapes.fill(
        stripe.PromotionCode.Restrictions,
        **({"first_time_transaction": False} | params.pop("restrictions", {})),
    )
    if params.get("active", True):
        _check_unique(code, params.get("customer"))
    defaults = {
        "active": True,
        "code": code,
        "metadata": {},
        "promotion": {"coupon": coupon["id"], "type": "coupon"},
        "restrictions": restrictions,
        "times_redeemed": 0,
    }
    row = shapes.new(stripe.PromotionCode, defaults, params)
    promotion_code = storage.put(row, hidden={"minimums": minimums})
    events.emit("promotion_code.created", promotion_code)
    return promotion_code


def retrieve(call: Call) -> Obj:
    return _current(load("promotion_code", call.args["id"]))


def listing(call: Call) -> Obj:
    for code in storage.find("promotion_code", ("active", "=", True)):
        _current(code)
    special: dict[str, Callable[[str], Filter]] = {
        "coupon": lambda value: ("promotion.coupon", "=", value),
        # In upper or lower case.
        "code": lambda value: ("code", "IN", [code["code"] for code in _codes(value)]),
    }
    return calls.list_objects("promotion_code", **special)(call)


def update(call: Call) -> Obj:
    code = retrieve(call)
    if call.params.get("active") and not code["active"]:
        if not _can_be_redeemed(code):
            message = "This promotion code cannot be activated because it is expired or used up."
            raise errors.ApiError(message, param="active")
        _check_unique(code["code"], code["customer"])
    return change(code, call.params, "promotion_code")


def include_minimums(code: Obj) -> Obj:
    """Return the field `currency_options` of the restrictions, which also has the first currency."""
    restrictions = code["restrictions"]
    if not restrictions["minimum_amount"]:
        return {}
    first = {restrictions["minimum_amount_currency"]: {"minimum_amount": restrictions["minimum_amount"]}}
    return first | (storage.get_hidden(code["id"]).get("minimums") or {})


def get_by_code(text: str, customer: str | None) -> Obj:
    """Return the active code that the buyer has entered. Raise Refused for other texts."""
    found = [code for code in _codes(text.strip()) if code["customer"] in (None, customer)]
    for code in found:
        if _current(code)["active"]:
            return code
    is_over = any(not _can_be_redeemed(code) for code in found)
    raise Refused("This code has expired." if is_over else "This code is invalid.")


def check_code(
    promotion_code: Obj,
    customer: str | None,
    subtotal: int,
    currency: str,
    products: set[str],
    is_guest: bool = False,
) -> Obj:
    """Return the coupon of the code. Raise Refused if this customer cannot use it for this order.

    `is_guest` means that the order has no customer and creates none.
    """
    coupon = storage.get(promotion_code["promotion"]["coupon"], "coupon")
    limits = promotion_code["restrictions"]
    if not _current(promotion_code)["active"] or coupon is None:
        raise Refused("This code has expired.", "This promotion code is expired or no longer active.")
    if promotion_code["customer"] and promotion_code["customer"] != customer:
        raise Refused(
            "This code is invalid.", "This promotion code cannot be redeemed by the associated customer."
        )
    if limits["first_time_transaction"] and is_guest:
        raise Refused(
            "This code is invalid.",
            "This promotion code is limited to first-time customers, and the Checkout Session creates no customer.",
        )
    if limits["first_time_transaction"] and customer and _has_bought(customer):
        raise Refused(
            "This code is for your first order only.",
            "This promotion code cannot be redeemed because the associated customer has prior transactions.",
            "promotion_code_customer_not_first_time",
        )
    minimum = _minimum(promotion_code, currency)
    if limits["minimum_amount"] and (minimum is None or subtotal < minimum):
        raise Refused(
            "Your order is too small for this code.",
            "This promotion code cannot be redeemed because the associated purchase does not meet the minimum amount"
            " requirement.",
        )
    return coupons.check_coupon(coupon, currency, products)


def _check_limits(params: Obj, coupon: Obj) -> None:
    if not coupons.is_valid(coupon):
        message = f"Coupon expired: {coupon['id']}"
        raise errors.ApiError(message, code="coupon_expired", param="promotion[coupon]")
    expires_at = params.get("expires_at")
    if expires_at is not None and expires_at <= clock.now():
        raise errors.ApiError("`expires_at` must be in the future.", param="expires_at")
    if expires_at and coupon["redeem_by"] and expires_at > coupon["redeem_by"]:
        message = "`expires_at` cannot be after the coupon's `redeem_by`."
        raise errors.ApiError(message, param="expires_at")
    most, of_coupon = params.get("max_redemptions", 1), coupon["max_redemptions"]
    if most < 1:
        raise errors.ApiError("Invalid positive integer", param="max_redemptions")
    if of_coupon and most > of_coupon:
        message = "`max_redemptions` cannot be greater than the coupon's `max_redemptions`."
        raise errors.ApiError(message, param="max_redemptions")


def _pop_minimums(params: Obj) -> Obj:
    """Check the minimum amounts, and return those of other currencies, which leave the parameters."""
    limits: Obj = params.get("restrictions", {})
    options: Obj = limits.pop("currency_options", None) or {}
    for given, needed in (
        ("minimum_amount", "minimum_amount_currency"),
        ("minimum_amount_currency", "minimum_amount"),
    ):
        if given in limits and needed not in limits:
            raise errors.missing(f"restrictions[{needed}]")
    if options and "minimum_amount" not in limits:
        raise errors.missing("restrictions[minimum_amount]")
    if "minimum_amount" not in limits:
        return {}
    param = "restrictions[minimum_amount_currency]"
    limits["minimum_amount_currency"] = currencies.check_currency(limits["minimum_amount_currency"], param)
    if limits["minimum_amount"] < 1:
        raise errors.ApiError("Invalid positive integer", param="restrictions[minimum_amount]")
    minimums = {}
    for name, option in options.items():
        param = f"restrictions[currency_options][{name}]"
        currency = currencies.check_currency(name, param)
        if currency == limits["minimum_amount_currency"]:
            message = f"`{param}` must differ from `minimum_amount_currency`."
            raise errors.ApiError(message, param=param)
        if option.get("minimum_amount", 0) < 1:
            raise errors.ApiError("Invalid positive integer", param=f"{param}[minimum_amount]")
        minimums[currency] = {"minimum_amount": option["minimum_amount"]}
    return minimums


def _minimum(code: Obj, currency: str) -> int | None:
    options = include_minimums(code)
    amount: int | None = options.get(currency, {}).get("minimum_amount")
    return amount


def _check_unique(code: str, customer: str | None) -> None:
    """Raise ApiError if a buyer could enter this text and mean two codes."""
    for other in _active_codes(code):
        if None in (customer, other["customer"]) or customer == other["customer"]:
            message = f"An active promotion code with `code: {code}` already exists."
            raise errors.ApiError(message, code="resource_already_exists", param="code")


def _current(code: Obj) -> Obj:
    """Return the code, which is inactive once it or its coupon has expired or is used up."""
    if code["active"] and not _can_be_redeemed(code):
        return storage.update(code["id"], active=False)
    return code


def _can_be_redeemed(code: Obj) -> bool:
    used_up = code["max_redemptions"] and code["times_redeemed"] >= code["max_redemptions"]
    is_over = code["expires_at"] and code["expires_at"] <= clock.now()
    return not (used_up or is_over) and coupons.is_valid(storage.get(code["promotion"]["coupon"], "coupon"))


def _codes(text: str) -> list[Obj]:
    return [code for code in storage.find("promotion_code") if code["code"].lower() == text.lower()]


def _active_codes(text: str) -> list[Obj]:
    return [code for code in map(_current, _codes(text)) if code["active"]]


def _has_bought(customer: str) -> bool:
    """Return whether the customer has a successful payment or a paid invoice."""
    charges = storage.find("charge", ("customer", "=", customer), ("status", "=", "succeeded"))
    return bool(charges or storage.find("invoice", ("customer", "=", customer), ("status", "=", "paid")))
