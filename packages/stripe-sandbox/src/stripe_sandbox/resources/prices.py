"""https://docs.stripe.com/api/prices"""

from typing import Any

import stripe

from .. import currencies, errors, events, shapes, storage
from ..calls import Call, change, empty_to_null, load
from ..storage import Obj
from . import price_amounts, products
from .price_amounts import join_name

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
    currency = currencies.check_currency(params.pop("currency"), join_name("currency", at))
    options = price_amounts.pop_currency_options(params, currency, at)
    fields = {"currency": currency, **price_amounts.pop_amounts(params, currency, at)}
    if params.get("recurring"):
        _check_recurring(params["recurring"], join_name("recurring", at))
        if fields["custom_unit_amount"]:
            message = "`custom_unit_amount` can only be used with one-time prices."
            raise errors.ApiError(message, param=join_name("custom_unit_amount", at))
    transfer = params.pop("transfer_lookup_key", False)
    if key := params.get("lookup_key"):
        _claim_lookup_key(key, transfer)
    price = new(**(params | fields))
    if options:
        price_amounts.store_currency_options(price, options)
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
    before = price_amounts.include_currency_options(price)
    if options := price_amounts.pop_currency_options(params, price["currency"], ""):
        price_amounts.store_currency_options(price, options)
        events.emit("price.updated", price, {"currency_options": before})
    return change(price, params, "price")


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
