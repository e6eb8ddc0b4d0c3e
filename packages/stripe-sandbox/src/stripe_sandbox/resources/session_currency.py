"""The currency of a new Checkout Session.

https://docs.stripe.com/payments/currencies/localize-prices/manual-currency-prices
"""

from .. import currencies, errors, presentment, storage
from ..storage import Obj
from . import price_amounts


def choose(params: Obj, lines: list[Obj]) -> str:
    """Return the requested currency, else the buyer's if all prices have it, else that of the prices."""
    prices = [line["price"] for line in lines]
    if params.get("currency"):
        currency = currencies.check_currency(params["currency"], "currency")
        for price in prices:
            price_amounts.check_supported(price, currency, "currency")
        return currency
    if len({price["currency"] for price in prices}) > 1:
        message = "All line items of a Checkout Session must have the same currency."
        raise errors.ApiError(message, param="line_items")
    default = str(prices[0]["currency"])
    for local in _local_currencies(params, default):
        if all(price_amounts.supports(price, local) for price in prices):
            return local
    return default


def _local_currencies(params: Obj, default: str) -> list[str]:
    """Return the currency of the customer's subscriptions, and that of the buyer's country."""
    customer = storage.get(params.get("customer", ""), "customer") or {}
    email = customer.get("email") or params.get("customer_email") or ""
    billed = customer.get("currency") if params["mode"] == "subscription" else ""
    return list(filter(None, (billed, presentment.find_currency(default, email))))
