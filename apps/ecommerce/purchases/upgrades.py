"""Buy a higher one-time price of an owned product, and pay only the difference.

The difference is made by a coupon for one checkout. https://docs.stripe.com/payments/checkout/discounts
"""

from collections.abc import Iterable, Sequence

from django.conf import settings
from django.utils.translation import gettext as _

from apps.ecommerce.models import Price, Purchase
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.money import MIN_CHARGES
from apps.ecommerce.purchases.entitlements import has_access
from apps.ecommerce.purchases.shop_id import shop_metadata
from apps.ecommerce.stripe_api.client import get_client

MAX_COUPON_NAME = 40  # https://docs.stripe.com/api/coupons/create#create_coupon-name


def upgradable_purchase(purchases: Iterable[Purchase], price: Price) -> Purchase | None:
    """Return the purchase whose value counts towards a higher price of the same product, or None.

    Amounts are compared in the currency of the purchase, which is also the currency of the upgrade.
    `purchases` are one user's, newest first, with their prices.
    """
    if not settings.UPGRADES or price.is_recurring or price.is_custom or not price.is_sellable:
        return None
    bought = (row for row in purchases if not row.granted_at)
    owned = (row for row in bought if row.product_id == price.product_id and has_access(row))
    newest = next(owned, None)
    if newest is None or newest.status != Status.PAID or newest.currency not in price.amounts:
        return None
    is_higher = (newest.unit_amount or 0) < price.amounts[newest.currency]
    can_be_charged = _difference(price, newest) >= MIN_CHARGES.get(newest.currency, 1)
    return newest if is_higher and can_be_charged else None


def upgrade_prices(prices: Sequence[Price], purchases: Sequence[Purchase]) -> list[tuple[Price, int, str]]:
    """Return the prices to which the user can upgrade, each with what it costs in minor units, and the currency."""
    found = ((price, upgradable_purchase(purchases, price)) for price in prices)
    return [(price, _difference(price, row), row.currency) for price, row in found if row]


def upgrade_credit(purchase: Purchase) -> int:
    """Return what was paid for the purchase, in minor units: without its own discounts, refunds and added taxes."""
    paid = purchase.amount_subtotal - purchase.amount_discount - purchase.amount_refunded
    value = (purchase.unit_amount or 0) * purchase.quantity
    if 0 < value < purchase.amount_subtotal:  # a sale outside the store may include other products
        paid = paid * value // purchase.amount_subtotal
    earlier = purchase.upgrade_of
    return max(paid, 0) + (upgrade_credit(earlier) if earlier and has_access(earlier) else 0)


def credits_too_much(upgrade: Purchase) -> bool:
    """Return whether the open payment page credits more than the upgraded purchase is worth since a refund."""
    earlier = upgrade.upgrade_of
    if earlier is None or not _amount_paid(earlier):  # without a credit, the buyer may use a promotion code
        return False
    return upgrade.amount_discount > (upgrade_credit(earlier) if has_access(earlier) else 0)


def upgrade_note(purchase: Purchase) -> str:
    """Return why an upgrade is suspended although its own payment is complete; "" otherwise."""
    earlier = purchase.upgrade_of if purchase.is_suspended and not purchase.amount_refunded else None
    if earlier is None or purchase.revoked_at or earlier.suspended_by != purchase.suspended_by:
        return ""
    text = _(
        "This order is an upgrade of %(order)s, whose payment was refunded or disputed. You have access to "
        "%(product)s only while both orders are paid."
    )
    return text % {"order": earlier.order_number, "product": purchase.product_name}


def create_upgrade_coupon(purchase: Purchase) -> str:
    """Create the coupon of an upgrade and return its id. After a crash, Stripe returns the same coupon again."""
    assert purchase.upgrade_of
    name = _("Credit for %(order)s") % {"order": purchase.upgrade_of.order_number}
    coupon = get_client().v1.coupons.create(
        {
            "amount_off": upgrade_credit(purchase.upgrade_of),
            "currency": purchase.currency,
            "duration": "once",
            "max_redemptions": 1,
            "name": name[:MAX_COUPON_NAME],
            "metadata": shop_metadata(purchase=str(purchase.public_id)),
        },
        {"idempotency_key": f"upgrade-{purchase.public_id}"},
    )
    return coupon.id


def _amount_paid(purchase: Purchase) -> int:
    """Return what was paid for the purchase and those that it upgrades, before refunds."""
    earlier = _amount_paid(purchase.upgrade_of) if purchase.upgrade_of else 0
    return purchase.amount_subtotal - purchase.amount_discount + earlier


def _difference(price: Price, purchase: Purchase) -> int:
    return price.amounts[purchase.currency] - upgrade_credit(purchase)
