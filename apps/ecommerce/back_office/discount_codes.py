"""Create and change discount codes at Stripe, and compute what was sold with them.

At Stripe the terms of a coupon and a promotion code can't be changed: other terms need another code.
https://docs.stripe.com/billing/subscriptions/coupons
"""

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import stripe
from django.db.models import Count, Sum
from django.utils.translation import gettext as _

from apps.ecommerce.models import DiscountCode, OperatorAction, Payment
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.discount_codes.sync import NOTE, sync_code
from apps.ecommerce.purchases.shop_id import shop_metadata
from apps.ecommerce.stripe_api.client import get_client


def create_code(coupon: Any, promotion: Any, entry: OperatorAction) -> str:
    """Create the code with these parameters of Stripe's, and return what was done.

    A coupon is made for each code. Raise stripe.StripeError.
    """
    v1, metadata = get_client().v1, shop_metadata()
    key = f"operator-{entry.token}-{_digest(coupon, promotion)}"
    coupon_params: Any = {**coupon, "metadata": metadata}
    created = v1.coupons.create(coupon_params, {"idempotency_key": f"{key}-coupon"})
    params: Any = {
        **promotion,
        "promotion": {"type": "coupon", "coupon": created.id},
        "metadata": {**metadata, **promotion.get("metadata", {})},
    }
    try:
        code = v1.promotion_codes.create(params, {"idempotency_key": f"{key}-code"})
    except stripe.InvalidRequestError:
        v1.coupons.delete(created.id)
        raise
    sync_code(code.id)
    return _("The code %(code)s was created.") % {"code": code.code}


def change_code(code: DiscountCode, changes: dict[str, Any], entry: OperatorAction) -> str:
    """Change the note, or switch the code on or off. Return what was done. Raise stripe.StripeError."""
    params: Any = {}
    if "active" in changes:
        params["active"] = changes["active"]
    if "note" in changes:
        params["metadata"] = {NOTE: changes["note"]}  # an empty text removes it
    key = f"operator-{entry.token}-{_digest(params)}"
    get_client().v1.promotion_codes.update(code.id, params, {"idempotency_key": key})
    sync_code(code.id)
    if "active" not in changes:
        return _("The note was saved.")
    if changes["active"]:
        return _("The code %(code)s can be used again.") % {"code": code.code}
    return _("The code %(code)s was switched off.") % {"code": code.code}


@dataclass(slots=True)
class CodeUse:
    """The sales with a code in one currency, in minor units. `revenue` is without refunds."""

    currency: str
    orders: int = 0
    revenue: int = 0
    discount: int = 0


def code_use(code: DiscountCode) -> list[CodeUse]:
    """Return the use by currency. Renewals of subscriptions are included."""
    uses: dict[str, CodeUse] = {}
    bought = code.purchases.exclude(status__in=(Status.OPEN, Status.EXPIRED, Status.FAILED)).order_by()
    for row in bought.values("currency").annotate(count=Count("id")):
        _find(uses, row["currency"]).orders = row["count"]
    payments = Payment.objects.filter(purchase__in=bought, status=Payment.Status.PAID).order_by()
    sums = {name: Sum(f"amount_{name}") for name in ("paid", "refunded", "discount")}
    paid: Any = payments.values("currency").annotate(**sums)
    for row in paid:
        use = _find(uses, row["currency"])
        use.revenue, use.discount = row["paid"] - row["refunded"], row["discount"]
    # Stripe has no payment for a one-time order that is free.
    free: Any = bought.filter(payments=None).values("currency").annotate(discount=Sum("amount_discount"))
    for row in free:
        _find(uses, row["currency"]).discount += row["discount"]
    return sorted(uses.values(), key=lambda use: use.currency)


def _find(uses: dict[str, CodeUse], currency: str) -> CodeUse:
    return uses.setdefault(currency, CodeUse(currency))


def _digest(*params: Any) -> str:
    return sha256(json.dumps(params, sort_keys=True).encode()).hexdigest()[:16]
