"""The amounts of a price: per unit, chosen by the buyer, and in other currencies.

https://docs.stripe.com/payments/checkout/pay-what-you-want and
https://docs.stripe.com/payments/currencies/localize-prices/manual-currency-prices
"""

from decimal import Decimal

import stripe

from .. import amount_limits, currencies, errors, shapes, storage
from ..calls import empty_to_null
from ..storage import Obj

_MAX_UNIT_AMOUNT = 10**12 - 1
_AMOUNT_FIELDS = ("unit_amount", "unit_amount_decimal", "custom_unit_amount")


def pop_amounts(params: Obj, currency: str, at: str) -> Obj:
    """Remove the amounts from the parameters and return them as the fields of a price."""
    found = {name: params.pop(name, None) for name in _AMOUNT_FIELDS}
    given = [name for name, value in found.items() if value is not None]
    if len(given) > 1:
        raise errors.exclusive(*(join_name(name, at) for name in given))
    if not given:
        raise errors.missing(join_name("unit_amount", at))
    if found["custom_unit_amount"]:
        custom = _custom_amount(found["custom_unit_amount"], currency, join_name("custom_unit_amount", at))
        return {"unit_amount": None, "unit_amount_decimal": None, "custom_unit_amount": custom}
    return _unit_amount(Decimal(found[given[0]]), join_name("unit_amount", at))


def pop_currency_options(params: Obj, currency: str, at: str) -> Obj:
    """Remove `currency_options` from the parameters and return the options by currency."""
    options: Obj = params.pop("currency_options", None) or {}
    parsed = {}
    for name, requested in options.items():
        param = f"{join_name('currency_options', at)}[{name}]"
        code = currencies.check_currency(name, param)
        if code == currency:
            message = f"`{param}` is the currency of the price itself. Pass only other currencies."
            raise errors.ApiError(message, param=param)
        if "tiers" in requested:
            raise errors.unsupported(f"the parameter `{param}[tiers]`", f"{param}[tiers]")
        fields = empty_to_null(requested)
        parsed[code] = _option(pop_amounts(fields, code, param) | fields)
    return parsed


def store_currency_options(price: Obj, options: Obj) -> None:
    known = storage.get_hidden(price["id"]).get("currency_options") or {}
    storage.update_hidden(price["id"], currency_options=known | options)


def include_currency_options(price: Obj) -> Obj:
    """Return the field `currency_options`, which also has the currency of the price itself."""
    return {price["currency"]: _option(price)} | _other_currencies(price)


def supports(price: Obj, currency: str) -> bool:
    return currency == price["currency"] or currency in _other_currencies(price)


def list_currencies(price: Obj) -> list[str]:
    return [price["currency"], *_other_currencies(price)]


def check_supported(price: Obj, currency: str, param: str) -> None:
    if not supports(price, currency):
        known = " and ".join(f"`{code}`" for code in list_currencies(price))
        message = f"The price specified only supports {known}. This doesn't match the expected currency: `{currency}`."
        raise errors.ApiError(message, param=param)


def localize(price: Obj, currency: str) -> Obj:
    """Return the price with the amounts of one of its currencies."""
    if currency == price["currency"]:
        return price
    option: Obj = _other_currencies(price)[currency]
    return price | {"currency": currency} | option


def compute_amount(price: Obj, quantity: int, currency: str) -> int:
    return (localize(price, currency)["unit_amount"] or 0) * quantity


def join_name(param: str, at: str) -> str:
    """Return the full name of a nested parameter, such as default_price_data[currency]."""
    return f"{at}[{param}]" if at else param


def _other_currencies(price: Obj) -> Obj:
    options: Obj = storage.get_hidden(price["id"]).get("currency_options") or {}
    return options


def _option(fields: Obj) -> Obj:
    names = ("unit_amount", "unit_amount_decimal", "custom_unit_amount", "tax_behavior")
    values = {"tax_behavior": "unspecified"} | {name: fields.get(name) for name in names if name in fields}
    return shapes.fill(stripe.Price.CurrencyOptions, **values)


def _unit_amount(amount: Decimal, param: str) -> Obj:
    for is_wrong, bound, limit in (
        (amount < 0, "greater", 0),
        (amount > _MAX_UNIT_AMOUNT, "less", _MAX_UNIT_AMOUNT),
    ):
        if is_wrong:
            message = f"This value must be {bound} than or equal to {limit}."
            raise errors.ApiError(message, code="parameter_invalid_integer", param=param)
    exact = amount == amount.to_integral_value()
    return {
        "unit_amount": int(amount) if exact else None,
        "unit_amount_decimal": f"{amount.normalize():f}",
        "custom_unit_amount": None,
    }


def _custom_amount(requested: Obj, currency: str, param: str) -> Obj:
    if not requested["enabled"]:
        message = "Pass `true` to enable `custom_unit_amount`, otherwise omit it."
        raise errors.ApiError(message, param=f"{param}[enabled]")
    least, most, preset = (requested.get(name) for name in ("minimum", "maximum", "preset"))
    for name, amount in (("minimum", least), ("maximum", most), ("preset", preset)):
        if amount is not None:
            amount_limits.check_charge(amount, currency, f"{param}[{name}]")
    if least is not None and most is not None and least > most:
        raise errors.ApiError("`minimum` must be less than or equal to `maximum`.", param=f"{param}[minimum]")
    if preset is not None and not (least or 0) <= preset <= (most or preset):
        raise errors.ApiError("`preset` must be between `minimum` and `maximum`.", param=f"{param}[preset]")
    return {"maximum": most, "minimum": least, "preset": preset}
