"""Smallest and largest amounts. https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts"""

from . import errors, formatting

# Smallest charges in minor units. Other currencies need the equivalent of 0.50 USD, which the sandbox does not check.
MIN_CHARGES = {
    "aed": 200, "aud": 50, "bgn": 100, "brl": 50, "cad": 50, "chf": 50, "czk": 1500, "dkk": 250, "eur": 50, "gbp": 30,
    "hkd": 400, "huf": 17500, "inr": 50, "jpy": 50, "mxn": 1000, "myr": 200, "nok": 300, "nzd": 50, "pln": 200,
    "ron": 200, "sek": 300, "sgd": 50, "thb": 1000, "usd": 50,
}  # fmt: skip
_ROUNDED_TO_100 = ("isk", "ugx")  # https://docs.stripe.com/currencies#special-cases
_MAX_DIGITS = {"idr": 12}
_MAX_DIGITS_DEFAULT = 8


def min_charge(currency: str) -> int:
    return MIN_CHARGES.get(currency, 1)


def max_charge(currency: str) -> int:
    return int(10 ** _MAX_DIGITS.get(currency, _MAX_DIGITS_DEFAULT)) - 1


def check_charge(amount: int, currency: str, param: str = "amount") -> None:
    """Raise ApiError unless the amount in minor units can be charged."""
    if amount < min_charge(currency):
        message = f"Amount must be at least {format_limit(min_charge(currency), currency)}"
        raise errors.ApiError(message, code="amount_too_small", param=param)
    check_maximum(amount, currency, param)
    check_multiple(amount, currency, param)


def check_maximum(amount: int, currency: str, param: str) -> None:
    if amount > max_charge(currency):
        message = f"Amount must be no more than {format_limit(max_charge(currency), currency)}"
        raise errors.ApiError(message, code="amount_too_large", param=param)


def check_multiple(amount: int, currency: str, param: str) -> None:
    """Raise ApiError for an amount with a fraction that Stripe does not charge: 5.125 KWD or 10.50 ISK."""
    step = 100 if currency in _ROUNDED_TO_100 else 10 if formatting.count_decimals(currency) == 3 else 1
    if amount % step:
        message = f"Invalid amount: {amount}. An amount in {currency} must be a multiple of {step}."
        raise errors.ApiError(message, code="invalid_charge_amount", param=param)


def format_limit(amount: int, currency: str) -> str:
    return f"{formatting.format_money(amount, currency)} {currency}"
