"""Copy promotion codes with their coupons from Stripe. https://docs.stripe.com/api/promotion_codes

All of them (bootstrap_ecommerce, reconcile_purchases), or one after an event or a purchase.
"""

import logging
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import stripe
from django.db import router, transaction
from django.db.models import QuerySet
from django.utils import timezone

from apps.ecommerce.catalogue.bulk import all_rows
from apps.ecommerce.models import DiscountCode
from apps.ecommerce.purchases.payments.stripe_payments import to_datetime
from apps.ecommerce.purchases.shop_id import is_of_other_shop
from apps.ecommerce.stripe_api.client import (
    StripeData,
    expanded,
    fetch_or_none,
    fetch_pages,
    get_id,
    is_livemode,
    object_id,
)

logger = logging.getLogger(__name__)

EXPAND = [
    "promotion.coupon.applies_to",
    "promotion.coupon.currency_options",
    "restrictions.currency_options",
]
NOTE = "note"  # key in the metadata of a promotion code


def sync_codes() -> int:
    """Copy all active codes, and those that were active before. Return their number. Raise stripe.StripeError."""
    started = timezone.now()
    for item in _list_codes(active=True):
        _save(item, started)
    stale = _current_rows().filter(active=True, synced_at__lt=started)
    for key in list(stale.values_list("id", flat=True)):
        sync_code(key)
    return _current_rows().filter(active=True).count()


def sync_code(code_id: str) -> DiscountCode | None:
    """Copy one code. Return None if this Stripe account has no such code, or it is another shop's."""
    fetched_at = timezone.now()
    try:
        item = fetch_or_none("promotion_codes", code_id, expand=EXPAND)
    except stripe.PermissionError as error:  # a restricted key must not prevent the fulfilment of an order
        logger.warning("Promotion code %s can't be read with this key: %s", code_id, error)
        return None
    if item:
        return _save(item, fetched_at)
    _current_rows().filter(id=code_id).update(active=False, synced_at=fetched_at)
    return None


def sync_codes_of_coupon(coupon_id: str) -> None:
    """Copy the codes that the store knows. A coupon without a code, such as an upgrade's, needs no request."""
    known = _current_rows().filter(coupon_id=coupon_id)
    if known.exists():
        fetched_at = timezone.now()
        for item in _list_codes(coupon=coupon_id):
            _save(item, fetched_at)


def handle_code(code: StripeData, cause: str) -> None:
    sync_code(get_id(code, "promotion code"))


def handle_coupon(coupon: StripeData, cause: str) -> None:
    sync_codes_of_coupon(get_id(coupon, "coupon"))


def handle_redemption(session_or_discount: StripeData, cause: str) -> None:
    """Copy how often a code was used: Stripe documents no event about a promotion code's uses."""
    for row in session_or_discount.get("discounts") or [session_or_discount]:
        if isinstance(row, Mapping) and (code := row.get("promotion_code")):
            sync_code(get_id(code, "promotion code"))


def find_or_copy_code(code_id: str) -> DiscountCode | None:
    return DiscountCode.objects.filter(id=code_id).first() or sync_code(code_id)


def used_code_id(session: StripeData) -> str:
    """Return the id of the code of a Checkout Session, "" without one. It may be a coupon without a code."""
    used = (object_id(row.get("promotion_code")) for row in session.get("discounts") or [])
    return next(filter(None, used), "")


def _current_rows() -> QuerySet[DiscountCode]:
    return all_rows(DiscountCode).filter(livemode=is_livemode())


def _list_codes(**params: Any) -> Iterator[StripeData]:
    for page in fetch_pages("promotion_codes", expand=[f"data.{path}" for path in EXPAND], **params):
        yield from page


def _save(item: StripeData, fetched_at: datetime) -> DiscountCode | None:
    """Write the copy, unless another process has fetched the code later."""
    if is_of_other_shop(item.get("metadata")):
        return None
    key = item["id"]
    with transaction.atomic(using=router.db_for_write(DiscountCode)):
        known = all_rows(DiscountCode).select_for_update().filter(id=key).first()
        if known and known.synced_at > fetched_at:
            return known
        values = _code_values(item) | {"synced_at": fetched_at}
        if coupon := expanded(item["promotion"]["coupon"]):
            values |= _coupon_values(coupon)
        elif known is None:
            logger.warning("Promotion code %s is not copied: its coupon was deleted", key)
            return None
        else:
            values["active"] = False
        row, _created = all_rows(DiscountCode).update_or_create(id=key, defaults=values)
    return row


def _code_values(item: StripeData) -> dict[str, Any]:
    coupon, limits = expanded(item["promotion"]["coupon"]) or {}, item["restrictions"]
    minimums = {}
    if limits["minimum_amount"]:
        minimums = {limits["minimum_amount_currency"]: limits["minimum_amount"]}
        for currency, option in (limits.get("currency_options") or {}).items():
            minimums[currency] = option["minimum_amount"]
    ends = [moment for moment in (item["expires_at"], coupon.get("redeem_by")) if moment]
    return {
        "code": item["code"],
        "active": item["active"] and coupon.get("valid", False),
        "minimum_amounts": minimums,
        "first_purchase_only": limits["first_time_transaction"],
        "customer_id": object_id(item["customer"]),
        "max_redemptions": item["max_redemptions"],
        "times_redeemed": item["times_redeemed"],
        "expires_at": to_datetime(min(ends, default=None)),
        "note": ((item["metadata"] or {}).get(NOTE) or "")[:500],
        "livemode": is_livemode(),
        "created_at": to_datetime(item["created"]),
    }


def _coupon_values(coupon: StripeData) -> dict[str, Any]:
    amounts = {coupon["currency"]: coupon["amount_off"]} if coupon["amount_off"] else {}
    for currency, option in (coupon.get("currency_options") or {}).items():
        amounts[currency] = option["amount_off"]
    return {
        "coupon_id": coupon["id"],
        "percent_off": Decimal(str(coupon["percent_off"])) if coupon["percent_off"] else None,
        "amounts_off": amounts,
        "duration": coupon["duration"],
        "duration_in_months": coupon["duration_in_months"] or 0,
        "product_ids": (coupon.get("applies_to") or {}).get("products") or [],
        "name": (coupon["name"] or "")[:500],
    }
