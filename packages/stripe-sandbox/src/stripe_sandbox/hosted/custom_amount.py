"""The amount that the buyer enters. https://docs.stripe.com/payments/checkout/pay-what-you-want"""

from decimal import Decimal, InvalidOperation

from .. import amount_limits, errors, formatting
from ..storage import Obj
from .session_view import SessionView

REQUIRED = "Required"


def parse(text: str, order: SessionView) -> tuple[int, str]:
    """Return the amount in minor units, and an error for the buyer or ""."""
    currency, limits = order.session["currency"], order.custom_amount or {}
    if not text:
        return 0, REQUIRED
    try:
        amount = Decimal(text.replace(",", ".")).scaleb(formatting.count_decimals(currency))
    except InvalidOperation:
        return 0, "The amount is invalid."
    if not amount.is_finite() or amount != amount.to_integral_value():
        return 0, "The amount is invalid."
    return int(amount), _limit_error(int(amount), currency, limits)


def initial(order: SessionView) -> str:
    """Return the amount of the last attempt or the preset in major units, "" for none."""
    amount = order.session["amount_total"]
    return formatting.format_major_units(amount, order.session["currency"]) if amount else ""


def _limit_error(amount: int, currency: str, limits: Obj) -> str:
    least = limits["minimum"] or amount_limits.min_charge(currency)
    most = limits["maximum"] or amount_limits.max_charge(currency)
    if amount < least:
        return f"The amount must be at least {formatting.format_money(least, currency)}."
    if amount > most:
        return f"The amount must be at most {formatting.format_money(most, currency)}."
    try:
        amount_limits.check_charge(amount, currency)
    except errors.ApiError:
        return "The amount is invalid."
    return ""
