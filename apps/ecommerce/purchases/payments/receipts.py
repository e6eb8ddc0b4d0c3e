"""The seller and the buyer on the receipt of a payment."""

from django.conf import settings

from apps.ecommerce.models import Payment, Purchase
from apps.ecommerce.purchases.billing_details import billing_lines
from apps.users.guests import Buyer
from apps.users.models import User


def order_seller(purchase: Purchase) -> list[str]:
    """Return name and address of the shop on the day of the order."""
    return purchase.seller.splitlines() or [settings.SITE_NAME, *settings.SELLER_ADDRESS]


def seller_lines(payment: Payment) -> list[str]:
    """Return name and address of the shop on the day of the payment.

    A subscription may be older than the shop's address. Stripe does not know it, but each order has the one of its day.
    """
    purchase = payment.purchase
    seller = purchase.seller
    if purchase.is_recurring:
        orders = Purchase.objects.filter(pk__gte=purchase.pk, created_at__lte=payment.created_at)
        seller = orders.exclude(seller="").order_by("-pk").values_list("seller", flat=True).first() or seller
    return seller.splitlines() or [settings.SITE_NAME, *settings.SELLER_ADDRESS]


def buyer_lines(user: Buyer, payment: Payment) -> list[str]:
    """Return name, address and tax id of the buyer today, because buyers correct them after the purchase."""
    if not isinstance(user, User):
        return [payment.purchase.email]
    return billing_lines(user, livemode=payment.purchase.livemode) or list(filter(None, [user.name]))
