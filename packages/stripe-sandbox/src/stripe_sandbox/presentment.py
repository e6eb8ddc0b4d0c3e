"""Adaptive Pricing: buyers pay in their own currency, while all amounts stay in the currency of the price.

https://docs.stripe.com/payments/currencies/localize-prices/adaptive-pricing
"""

import re
from decimal import ROUND_HALF_UP, Decimal

from babel.numbers import get_territory_currencies

from . import formatting, switches
from .storage import Obj

# Units of the currency for one US dollar, with the conversion fee. They never change.
_RATES = {
    currency: Decimal(rate)
    for currency, rate in {
        "usd": "1", "eur": "0.95", "gbp": "0.82", "chf": "0.91", "cad": "1.42", "aud": "1.57", "nzd": "1.72",
        "jpy": "155", "sek": "10.9", "nok": "11.1", "dkk": "7.1", "pln": "4.1", "czk": "24", "inr": "87", "brl": "5.9",
        "mxn": "19.5", "krw": "1420", "sgd": "1.39", "hkd": "8.05",
    }.items()
}  # fmt: skip
CURRENCIES = sorted(_RATES)
_LOCATION = re.compile(r"\+location_([A-Za-z]{2})@")


def find_currency(currency: str, email: str) -> str:
    """Return the currency in which the buyer of a new Checkout Session pays, or "" for that of its prices.

    An e-mail address such as ada+location_FR@example.com simulates the buyer's country, as in Stripe's test mode.
    """
    located = _LOCATION.search(email)
    local = _country_currency(located[1]) if located else switches.current().presentment_currency
    return local if local != currency and {local, currency} <= _RATES.keys() else ""


def build_fields(amount: int, currency: str, presentment_currency: str) -> Obj:
    """Return the field `presentment_details` for an amount, or {} if nothing is converted."""
    if not presentment_currency or not amount:
        return {}
    converted = convert(amount, currency, presentment_currency)
    return {"presentment_details": _details(converted, presentment_currency)}


def build_renewal_fields(invoice: Obj, subscription: Obj) -> Obj:
    """Return `presentment_details` of an invoice's payment: a subscription keeps the currency of its first payment."""
    local = (subscription.get("presentment_details") or {}).get("presentment_currency", "")
    return build_fields(invoice["amount_due"], invoice["currency"], local)


def build_refund_fields(refunded: int, charge: Obj) -> Obj:
    """Return `presentment_details` of a refund, which uses the exchange rate of the charge."""
    paid = charge.get("presentment_details")
    if not paid:
        return {}
    part = _round(Decimal(paid["presentment_amount"]) * refunded / charge["amount"])
    return {"presentment_details": _details(part, paid["presentment_currency"])}


def convert(amount: int, currency: str, to: str) -> int:
    """Convert minor units of one currency to minor units of another."""
    dollars = Decimal(amount).scaleb(-formatting.count_decimals(currency)) / _RATES[currency]
    return _round((dollars * _RATES[to]).scaleb(formatting.count_decimals(to)))


def _country_currency(country: str) -> str:
    return next(iter(get_territory_currencies(country.upper())), "").lower()


def _details(amount: int, currency: str) -> Obj:
    return {"presentment_amount": amount, "presentment_currency": currency}


def _round(amount: Decimal) -> int:
    return int(amount.quantize(Decimal(1), ROUND_HALF_UP))
