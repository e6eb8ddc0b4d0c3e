"""Classify errors of Stripe: try again later, choose something else, or the shop can't sell.

https://docs.stripe.com/api/errors and https://docs.stripe.com/error-codes
"""

from enum import Enum

import stripe
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

INTERNAL_ERROR = 500
TEMPORARY_STATUSES = (409, 424, 429)  # a conflict, an external service that failed, too many requests
TEMPORARY_CODES = frozenset(
    [
        *("idempotency_key_in_use", "lock_timeout", "rate_limit"),
        *("failed_tax_calculation", "shipping_calculation_failed", "taxes_calculation_failed"),
        "coupon_expired",  # the coupon of an upgrade; the next attempt creates another one
    ]
)
PRICE_CODES = frozenset(
    [
        *("amount_too_large", "amount_too_small", "charge_exceeds_transaction_limit"),
        *("invalid_charge_amount", "out_of_inventory", "product_inactive", "sku_inactive"),
    ]
)
BUYER_CODES = frozenset(["customer_max_subscriptions", "email_invalid"])
OTHER_CURRENCY_MESSAGE = _(
    "You have a subscription in another currency, and all your subscriptions must be in one. You have not been "
    "charged. Please choose a price in the currency of your subscription, or use another account."
)
# Refusals without a code. https://docs.stripe.com/invoicing/multi-currency-customers
OTHER_CURRENCY = "combine currencies"

_KEY_ADVICE = "Correct STRIPE_SECRET_KEY: https://dashboard.stripe.com/apikeys"
_ACCOUNT_ADVICE = "Complete your account: https://dashboard.stripe.com/account"
_TAX_ADVICE = (
    "Set up Stripe Tax (https://dashboard.stripe.com/settings/tax), or set CHECKOUT_AUTOMATIC_TAX=false"
)
# code, or the SDK's class of an error without one ▶ what the founder has to do
ADVICE = {
    "AuthenticationError": _KEY_ADVICE,
    "api_key_expired": _KEY_ADVICE,
    "secret_key_required": _KEY_ADVICE,
    "PermissionError": "Give the restricted key the permission that Stripe names, or use a secret key: "
    "https://dashboard.stripe.com/apikeys",
    "account_closed": _ACCOUNT_ADVICE,
    "account_invalid": _ACCOUNT_ADVICE,
    "capability_not_active": _ACCOUNT_ADVICE,
    "country_unsupported": _ACCOUNT_ADVICE,
    "testmode_charges_only": _ACCOUNT_ADVICE,
    "invalid_tax_location": _TAX_ADVICE,
    "stripe_tax_inactive": _TAX_ADVICE,
    "url_invalid": "Correct SITE_URL",
}
DEFAULT_ADVICE = "Do what the message says, then run: python manage.py stripe_doctor"


class ErrorKind(Enum):
    TEMPORARY = "temporary"  # Stripe is unreachable or busy: the same request may succeed in a minute
    PRICE = "price"  # Stripe refuses the price to all buyers
    BUYER = "buyer"  # Stripe refuses this buyer
    SHOP = "shop"  # nothing can be sold until the founder acts. Unknown errors are of this kind


class ShopCannotSell(Exception):
    """Stripe refuses to sell anything until the founder acts. The message is Stripe's."""

    def __init__(self, error: stripe.StripeError) -> None:
        super().__init__(error.user_message or str(error))
        self.code = error.code or type(error).__name__
        self.request_id = error.request_id or ""


def buyer_message(error: stripe.StripeError) -> str | Promise:
    """Return why this buyer can't buy, and what to do."""
    if error.code == "email_invalid":
        return _(
            "Stripe, which handles our payments, does not accept your e-mail address. You have not been charged. "
            "Please change it in your account, and try again."
        )
    if error.code == "customer_max_subscriptions":
        return _("You have too many subscriptions. You have not been charged. Please end one of them first.")
    return OTHER_CURRENCY_MESSAGE


def is_other_currency(error: stripe.StripeError) -> bool:
    """Return whether the customer is bound to another currency, for example by a running subscription."""
    return OTHER_CURRENCY in str(error)


def is_unclear(error: stripe.StripeError) -> bool:
    """Return whether the request may have been processed, or may succeed if it is repeated as it was.

    https://docs.stripe.com/error-low-level#idempotency
    """
    status = error.http_status or 0
    is_failure = isinstance(error, stripe.APIConnectionError | stripe.APIError)
    return is_failure or status >= INTERNAL_ERROR or status in TEMPORARY_STATUSES


def error_kind(error: stripe.StripeError) -> ErrorKind:
    """Return the kind of an error of a request that sells something."""
    code, param = error.code or "", getattr(error, "param", None) or ""
    if is_unclear(error) or isinstance(error, stripe.IdempotencyError) or code in TEMPORARY_CODES:
        return ErrorKind.TEMPORARY
    if code == "resource_missing" and param.startswith("discounts"):  # the coupon of an upgrade was deleted
        return ErrorKind.TEMPORARY
    if code in BUYER_CODES or is_other_currency(error):
        return ErrorKind.BUYER
    is_price = param == "currency" or param.startswith("line_items")
    if code in PRICE_CODES or (is_price and not code.startswith("parameter_")):
        return ErrorKind.PRICE
    return ErrorKind.SHOP
