"""The discount code of a checkout. A code that can't be used never prevents the sale: the buyer goes on without it."""

import logging
from dataclasses import dataclass

import stripe
from django.utils.translation import gettext as _

from apps.ecommerce.models import DiscountCode, Price, Purchase
from apps.ecommerce.purchases.checkout_refusals import AccountNeeded
from apps.ecommerce.purchases.discount_codes.rules import Refusal, code_refusal, customer_id, price_refusal
from apps.ecommerce.purchases.discount_codes.sync import sync_code
from apps.ecommerce.purchases.discount_codes.texts import refusal_text, short_code
from apps.ecommerce.purchases.stripe_errors import (
    ADVICE,
    BUYER_CODES,
    TEMPORARY_CODES,
    is_other_currency,
)
from apps.ecommerce.purchases.subscriptions import trial_days
from apps.ecommerce.purchases.upgrades import upgrade_credit
from apps.users.guests import Buyer, Guest

logger = logging.getLogger(__name__)

BAD_REQUEST = 400


@dataclass(frozen=True, slots=True)
class CheckoutCode:
    """`is_promised` means that the product page promised the discount, so the buyer must learn of a refusal."""

    text: str = ""
    is_promised: bool = False


NO_CODE = CheckoutCode()


class CodeRefused(Exception):
    """The code can't be used. The buyer has to decide whether to buy without it."""

    def __init__(
        self, text: str, refusal: Refusal, code: DiscountCode | None = None, currency: str = ""
    ) -> None:
        message = _(
            "The code %(code)s was not used. %(reason)s You have not been charged. You can buy without the code."
        )
        values = {"code": short_code(text), "reason": refusal_text(refusal, code, currency)}
        super().__init__(message % values)


def usable_code(
    requested: CheckoutCode,
    user: Buyer,
    price: Price,
    currency: str,
    chosen_currency: str,
    upgrade_of: Purchase | None,
) -> DiscountCode | None:
    """Return the code for a checkout in this currency, or None without one.

    Raise AccountNeeded if a guest can't use it; CodeRefused if the product page promised a discount in the chosen
    currency and there is none.
    """
    if not requested.text:
        return None
    account = None if isinstance(user, Guest) else user
    code = DiscountCode.objects.find(requested.text, customer_id(user))
    refusal = code_refusal(code, account)
    if refusal is None and upgrade_of and upgrade_credit(upgrade_of):
        refusal = Refusal.UPGRADE
    days = trial_days(user, price)
    if refusal is None and code:
        refusal = price_refusal(code, price, currency, days)
        if refusal is None and account is None and (code.first_purchase_only or code.customer_id):
            raise AccountNeeded
        if refusal is None:
            return code
        if price_refusal(code, price, chosen_currency, days):  # the product page named the reason
            return None
    if requested.is_promised and refusal:
        raise CodeRefused(requested.text, refusal, code, currency)
    return None


def is_code_refusal(error: stripe.StripeError) -> bool:
    """Return whether Stripe may have refused a Checkout Session because of its code.

    Stripe does not document the errors of codes, so all refusals count that have no other known reason. A wrong guess
    costs the buyer one press: without the code, Stripe returns the error again.
    """
    known = {*BUYER_CODES, *ADVICE, *TEMPORARY_CODES} - {"coupon_expired"}
    is_refusal = isinstance(error, stripe.InvalidRequestError) and error.http_status == BAD_REQUEST
    return is_refusal and error.code not in known and not is_other_currency(error)


def refused_by_stripe(code: DiscountCode, user: Buyer, error: stripe.StripeError) -> CodeRefused:
    """Return the refusal with the reason that the current copy of the code has."""
    logger.info("Stripe refused the code %s: %s", code.code, error)
    try:
        current = sync_code(code.id)
    except stripe.StripeError:
        current = code
    refusal = code_refusal(current, user) if current else Refusal.INACTIVE
    if refusal is None:
        refusal = Refusal.NOT_FIRST if code.first_purchase_only else Refusal.STRIPE
    return CodeRefused(code.code, refusal, current or code)
