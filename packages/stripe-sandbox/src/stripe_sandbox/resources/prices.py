"""https://docs.stripe.com/api/prices"""

from decimal import Decimal
from typing import Any

import stripe

from .. import errors, events, shapes, storage
from ..calls import Call, change, empty_to_null, load
from ..storage import Obj
from . import products

_CURRENCIES = """
    usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn bzd
    cad cdf chf clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd
    hkd hnl hrk htg huf idr ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl
    mad mdl mga mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr
    pln pyg qar ron rsd rub rwf sar sbd scr sek sgd shp sle sos srd std szl thb tjs tnd top try ttd twd
    tzs uah ugx uyu uzs vnd vuv wst xaf xcd xof xpf yer zar zmw
"""
CURRENCIES = frozenset(_CURRENCIES.split())
_MAX_UNIT_AMOUNT = 10**12 - 1
_MAX_INTERVAL_COUNTS = {"day": 1095, "week": 156, "month": 36, "year": 3}


def new(
    product: str, currency: str, unit_amount: int | None, recurring: Obj | None = None, **fields: Any
) -> Obj:
    """Store a price in minor units. `recurring` needs an interval."""
    if recurring:
        recurring_defaults = {"interval_count": 1, "usage_type": "licensed"}
        recurring = shapes.fill(stripe.Price.Recurring, **(recurring_defaults | recurring))
    defaults = {
        "active": True,
        "billing_scheme": "per_unit",
        "currency": currency,
        "metadata": {},
        "product": product,
        "recurring": recurring,
        "tax_behavior": "unspecified",
        "type": "recurring" if recurring else "one_time",
        "unit_amount": unit_amount,
        "unit_amount_decimal": None if unit_amount is None else str(unit_amount),
    }
    return storage.put(shapes.new(stripe.Price, defaults, fields))


def create(call: Call) -> Obj:
    params = empty_to_null(call.params)
    if "product" in params and "product_data" in params:
        raise errors.exclusive("product", "product_data")
    if "product_data" in params:
        params["product"] = products.create_from(params.pop("product_data"))["id"]
    elif "product" not in params:
        raise errors.missing("product")
    load("product", params["product"], "product")
    return create_from(params)


def create_from(params: Obj, at: str = "") -> Obj:
    """Create a price from validated parameters. `at` is "price_data", "default_price_data" or ""."""
    params = dict(params)
    fields = {
        "currency": check_currency(params.pop("currency"), join_name("currency", at)),
        **_amount(params, at),
    }
    if params.get("recurring"):
        _check_recurring(params["recurring"], join_name("recurring", at))
    transfer = params.pop("transfer_lookup_key", False)
    if key := params.get("lookup_key"):
        _claim_lookup_key(key, transfer)
    price = new(**(params | fields))
    events.emit("price.created", price)
    return price


def update(call: Call) -> Obj:
    price, params = load("price", call.args["id"]), dict(call.params)
    product = storage.get(price["product"], "product") or {}
    if params.get("active") is False and product.get("default_price") == price["id"]:
        message = "This price cannot be archived because it is the default price of its product."
        raise errors.ApiError(message, param="active")
    if "tax_behavior" in params and price["tax_behavior"] not in ("unspecified", params["tax_behavior"]):
        message = "You cannot change the `tax_behavior` of a price once it is set to inclusive or exclusive."
        raise errors.ApiError(message, param="tax_behavior")
    transfer = params.pop("transfer_lookup_key", False)
    if (key := params.get("lookup_key")) and key != price["lookup_key"]:
        _claim_lookup_key(key, transfer)
    return change(price, params, "price")


def check_currency(currency: str, param: str) -> str:
    """Return the currency in lower case. Raise ApiError if Stripe does not support it."""
    if currency.lower() not in CURRENCIES:
        known = ", ".join(sorted(CURRENCIES))
        message = f"Invalid currency: {currency}. Stripe currently supports these currencies: {known}"
        raise errors.ApiError(message, param=param)
    return currency.lower()


def load_recurring_price(price_id: str, param: str) -> Obj:
    price = load("price", price_id, param)
    if not price["recurring"]:
        message = (
            "The price specified is set to `type=one_time` but this field only accepts prices with"
            " `type=recurring`."
        )
        raise errors.ApiError(message, param=param)
    if not price["active"]:
        message = "The price specified is inactive. This field only accepts active prices."
        raise errors.ApiError(message, param=param)
    return price


def join_name(param: str, at: str) -> str:
    """Return the full name of a nested parameter, such as default_price_data[currency]."""
    return f"{at}[{param}]" if at else param


def _amount(params: Obj, at: str) -> Obj:
    whole, precise = params.pop("unit_amount", None), params.pop("unit_amount_decimal", None)
    if whole is not None and precise is not None:
        raise errors.exclusive(join_name("unit_amount", at), join_name("unit_amount_decimal", at))
    if whole is None and precise is None:
        raise errors.missing(join_name("unit_amount", at))
    amount = Decimal(whole if precise is None else precise)
    if amount < 0:
        message = "This value must be greater than or equal to 0."
        raise errors.ApiError(message, code="parameter_invalid_integer", param=join_name("unit_amount", at))
    if amount > _MAX_UNIT_AMOUNT:
        message = f"This value must be less than or equal to {_MAX_UNIT_AMOUNT} (it currently is '{amount}')."
        raise errors.ApiError(message, code="parameter_invalid_integer", param=join_name("unit_amount", at))
    exact = amount == amount.to_integral_value()
    return {"unit_amount": int(amount) if exact else None, "unit_amount_decimal": f"{amount.normalize():f}"}


def _check_recurring(recurring: Obj, param: str) -> None:
    longest = _MAX_INTERVAL_COUNTS[recurring["interval"]]
    if not 1 <= recurring.get("interval_count", 1) <= longest:
        message = f"The interval_count for an interval of `{recurring['interval']}` must be between 1 and {longest}."
        raise errors.ApiError(message, param=f"{param}[interval_count]")


def _claim_lookup_key(key: str, transfer: bool) -> None:
    for other in storage.find("price", ("lookup_key", "=", key)):
        if not transfer:
            message = f"A price (`{other['id']}`) already uses that lookup key."
            raise errors.ApiError(message, param="lookup_key")
        change(other, {"lookup_key": ""}, "price")
