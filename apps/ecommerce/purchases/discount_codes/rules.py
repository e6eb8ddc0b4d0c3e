"""Predict whether a discount code reduces a price for a buyer, and by how much.

Stripe decides in the end. What it refuses after all is reported to the buyer, who can buy without the code.
https://docs.stripe.com/billing/subscriptions/coupons
"""

import calendar
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import Enum

from django.db.models import Q
from django.utils import timezone

from apps.ecommerce.models import DiscountCode, Payment, Price, Purchase
from apps.ecommerce.money import is_chargeable
from apps.ecommerce.purchases.customers import find_customer
from apps.users.guests import Buyer

MAX_MONTHS = 1200  # dates after that overflow


class Refusal(Enum):
    """Why a code can't be used. The texts are in texts.py."""

    UNKNOWN = "unknown"
    INACTIVE = "inactive"
    EXPIRED = "expired"
    USED_UP = "used_up"
    OTHER_CUSTOMER = "other_customer"
    NOT_FIRST = "not_first"
    UPGRADE = "upgrade"
    STRIPE = "stripe"  # Stripe refused it for a reason that the store does not know
    # About a price, for any buyer at any time:
    PRODUCT = "product"
    CURRENCY = "currency"
    MINIMUM = "minimum"
    CUSTOM_AMOUNT = "custom_amount"
    FREE = "free"
    TOO_SMALL = "too_small"
    ENDS_BEFORE_TRIAL = "ends_before_trial"


def code_refusal(code: DiscountCode | None, user: Buyer | None) -> Refusal | None:
    """Return why the buyer can't use the code for anything, or None. It may differ after a visitor signs in."""
    if code is None:
        return Refusal.UNKNOWN
    if code.expires_at and code.expires_at <= timezone.now():
        return Refusal.EXPIRED
    if code.max_redemptions and code.times_redeemed >= code.max_redemptions:
        return Refusal.USED_UP
    if not code.active:
        return Refusal.INACTIVE
    if user and code.customer_id and code.customer_id != customer_id(user):
        return Refusal.OTHER_CUSTOMER
    if user and code.first_purchase_only and _has_bought(user):
        return Refusal.NOT_FIRST
    return None


def price_refusal(code: DiscountCode, price: Price, currency: str, trial_days: int = 0) -> Refusal | None:
    """Return why the code does not reduce this price, or None."""
    amount = price.amounts.get(currency)
    if price.is_custom:
        return Refusal.CUSTOM_AMOUNT
    if not amount:
        return Refusal.FREE
    if code.product_ids and price.product_id not in code.product_ids:
        return Refusal.PRODUCT
    if code.percent_off is None and currency not in code.amounts_off:
        return Refusal.CURRENCY
    due_today = 0 if trial_days else amount
    if code.minimum_amounts and due_today < code.minimum_amounts.get(currency, due_today + 1):
        return Refusal.MINIMUM
    if trial_days:
        return Refusal.ENDS_BEFORE_TRIAL if _ends_within(code, trial_days) else None
    return None if is_chargeable(discounted(code, amount, currency), currency) else Refusal.TOO_SMALL


def discounted(code: DiscountCode, amount: int, currency: str) -> int:
    """Return what is left of the amount, in minor units. Stripe rounds the discount half up."""
    if code.percent_off is None:
        amount_off: int = code.amounts_off[currency]
        return max(amount - amount_off, 0)
    discount = (amount * code.percent_off / 100).quantize(Decimal(1), ROUND_HALF_UP)
    return amount - int(discount)


def customer_id(user: Buyer) -> str:
    customer = find_customer(user)
    return customer.id if customer else ""


def _has_bought(user: Buyer) -> bool:
    """Return whether the user has a successful payment or a paid invoice at Stripe, such as that of a trial."""
    paid = Q(payments__status=Payment.Status.PAID) | Q(subscription_id__gt="")
    return Purchase.objects.for_user(user).filter(paid).exists()


def _ends_within(code: DiscountCode, days: int) -> bool:
    """Return whether the discount of some months ends before a free trial, which starts now."""
    if code.duration != DiscountCode.Duration.REPEATING:
        return False
    now, months = timezone.now(), min(code.duration_in_months, MAX_MONTHS)
    return _add_months(now, months) <= now + timedelta(days=days)


def _add_months(moment: datetime, months: int) -> datetime:
    years, month = divmod(moment.month - 1 + months, 12)
    year = moment.year + years
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)
