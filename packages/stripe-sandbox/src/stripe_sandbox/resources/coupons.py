"""https://docs.stripe.com/api/coupons and /api/discounts"""

import stripe

from .. import calls, clock, currencies, errors, events, shapes, storage
from ..calls import Call, change, drop_empty, load
from ..storage import Obj
from .subscriptions import add_interval

MAX_REDEEM_BY_SECONDS = 5 * 366 * 86400


class Refused(Exception):
    """The buyer cannot use this code. The message is for the buyer; `error` is the API's answer."""

    def __init__(self, message: str, api_message: str = "", code: str = "") -> None:
        super().__init__(message)
        self.api_message, self.code = api_message or message, code

    def error(self, param: str) -> errors.ApiError:
        return errors.ApiError(self.api_message, code=self.code, param=param)


def create(call: Call) -> Obj:
    params = drop_empty(call.params)
    if storage.get(params.get("id", "")):
        raise errors.ApiError("Coupon already exists.", code="resource_already_exists", param="id")
    _check(params)
    hidden = {
        "products": _pop_products(params),
        "currency_options": _pop_currency_options(params),
    }
    defaults = {"duration": "once", "metadata": {}, "times_redeemed": 0, "valid": True}
    coupon = storage.put(shapes.new(stripe.Coupon, defaults, params), hidden=hidden)
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


def is_valid(coupon: Obj | None) -> bool:
    return coupon is not None and bool(_with_validity(coupon)["valid"])


def include_products(coupon: Obj) -> Obj | None:
    """Return the field `applies_to`."""
    products = storage.get_hidden(coupon["id"]).get("products")
    return {"products": products} if products else None


def include_currency_options(coupon: Obj) -> Obj:
    """Return the field `currency_options`, which also has the currency of the coupon itself."""
    if not coupon["currency"]:
        return {}
    others = storage.get_hidden(coupon["id"]).get("currency_options") or {}
    return {coupon["currency"]: {"amount_off": coupon["amount_off"]}} | others


def check_coupon(coupon: Obj, currency: str, products: set[str]) -> Obj:
    """Return the coupon with its terms in this currency. Raise Refused if it does not fit the products."""
    if not is_valid(coupon):
        raise Refused("This code has expired.", f"Coupon expired: {coupon['id']}", "coupon_expired")
    found = localize(coupon, currency)
    if found["amount_off"] and found["currency"] != currency:
        raise Refused(
            "This code does not apply to your order.",
            f"This coupon is in a different currency than the one of the order: `{currency}`.",
        )
    if found["products"] and not products & set(found["products"]):
        raise Refused(
            "This code does not apply to your order.",
            "This coupon cannot be redeemed because it does not apply to anything in this order.",
        )
    return found


def localize(coupon: Obj, currency: str) -> Obj:
    """Return the coupon with the amount of this currency, if it has one, and its products (none: all)."""
    hidden = storage.get_hidden(coupon["id"])
    option = (hidden.get("currency_options") or {}).get(currency)
    local = {"currency": currency, **option} if option else {}
    return coupon | local | {"products": hidden.get("products") or []}


def redeem(applied: Obj, currency: str, **owner: object) -> Obj:
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
    hidden = {"coupon": localize(coupon, currency)}
    return storage.put(shapes.new(stripe.Discount, defaults, owner), hidden=hidden)


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
    for name in ("duration_in_months", "max_redemptions"):
        if params.get(name, 1) < 1:
            raise errors.ApiError("Invalid positive integer", param=name)
    if params.get("redeem_by", clock.now() + 1) <= clock.now():
        raise errors.ApiError("`redeem_by` must be in the future.", param="redeem_by")
    if params.get("redeem_by", 0) > clock.now() + MAX_REDEEM_BY_SECONDS:
        raise errors.ApiError("`redeem_by` cannot be more than five years in the future.", param="redeem_by")


def _pop_products(params: Obj) -> list[str]:
    products: list[str] = (params.pop("applies_to", None) or {}).get("products", [])
    for number, product in enumerate(products):
        load("product", product, f"applies_to[products][{number}]")
    return products


def _pop_currency_options(params: Obj) -> Obj:
    """Remove `currency_options` from the parameters and return the amounts by currency."""
    options: Obj = params.pop("currency_options", None) or {}
    if options and "amount_off" not in params:
        message = "`currency_options` can only be used with `amount_off`."
        raise errors.ApiError(message, param="currency_options")
    parsed = {}
    for name, option in options.items():
        param = f"currency_options[{name}]"
        code = currencies.check_currency(name, param)
        if code == params["currency"]:
            message = f"`{param}` is the currency of the coupon itself. Pass only other currencies."
            raise errors.ApiError(message, param=param)
        if option["amount_off"] < 1:
            raise errors.ApiError("Invalid positive integer", param=f"{param}[amount_off]")
        parsed[code] = {"amount_off": option["amount_off"]}
    return parsed


def _with_validity(coupon: Obj) -> Obj:
    used_up = coupon["max_redemptions"] and coupon["times_redeemed"] >= coupon["max_redemptions"]
    over = coupon["redeem_by"] and coupon["redeem_by"] <= clock.now()
    return coupon | {"valid": not (used_up or over)}
