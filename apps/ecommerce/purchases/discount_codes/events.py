"""Handle events about discount codes. https://docs.stripe.com/api/events/types"""

from collections.abc import Mapping

from apps.ecommerce.purchases.discount_codes.sync import sync_code, sync_codes_of_coupon
from apps.ecommerce.stripe_api.client import StripeData
from apps.ecommerce.stripe_api.event_payloads import get_id


def handle_code(code: StripeData, cause: str) -> None:
    sync_code(get_id(code, "promotion code"))


def handle_coupon(coupon: StripeData, cause: str) -> None:
    sync_codes_of_coupon(get_id(coupon, "coupon"))


def handle_redemption(session_or_discount: StripeData, cause: str) -> None:
    """Copy how often a code was used: Stripe documents no event about a promotion code's uses."""
    for row in session_or_discount.get("discounts") or [session_or_discount]:
        if isinstance(row, Mapping) and (code := row.get("promotion_code")):
            sync_code(get_id(code, "promotion code"))
