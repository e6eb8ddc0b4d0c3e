"""Products that cost nothing. They need no request to Stripe, so one press of the button is enough.

A buyer without an account enters an e-mail address. The link is sent to it, so that goods can't be collected
with the addresses of other people.
"""

from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.utils.translation import get_language

from apps.core.tasks import task
from apps.ecommerce.models import Price, Purchase, PurchaseQuerySet
from apps.ecommerce.models import PurchaseStatus as Status
from apps.ecommerce.purchases.consent import store_consent
from apps.ecommerce.purchases.fulfilment import change_purchase
from apps.ecommerce.purchases.requested_links import queue_requested_link
from apps.users.guests import Guest, new_guest_token
from apps.users.models import User

CAUSE = "free of charge"


def is_free(price: Price) -> bool:
    """Return whether the price can be had without Stripe. A free subscription still needs it."""
    return price.costs_nothing and not price.is_recurring


@transaction.atomic
def take_free(user: User, price: Price) -> Purchase:
    """Return the user's purchase of a free product. Two presses create one."""
    Price.objects.select_for_update().get(pk=price.pk)
    own = Purchase.objects.for_user(user).bought()
    return _find_known(own, price) or _create(user, price, language=get_language() or "")


@task()
def send_free(email: str, price_id: str, language: str, consents: list[dict[str, Any]]) -> None:
    """E-mail a link to a free product. If the address has it already, that is a link to the known order."""
    with transaction.atomic():
        price = Price.objects.select_for_update(of=("self",)).select_related("product").get(pk=price_id)
        if known := _find_known(Purchase.objects.of_address(email).bought(), price):
            queue_requested_link(known)
        else:
            purchase = _create(Guest(new_guest_token()), price, email=email, language=language)
            store_consent(purchase, consents)


def _find_known(orders: PurchaseQuerySet, price: Price) -> Purchase | None:
    """Return the order that gives access to the product, or whose access an operator has ended.

    A refunded order does not count: its buyer gets the product again now that it is free.
    """
    orders = orders.filter(product=price.product_id, status=Status.PAID)
    not_refunded = orders.filter(Q(suspended_by="") | Q(revoked_at__isnull=False))
    return not_refunded.order_by(F("revoked_at").asc(nulls_first=True), "-pk").first()


def _create(buyer: User | Guest, price: Price, **fields: str) -> Purchase:
    purchase = Purchase.objects.create_for(buyer, price, CAUSE, status=Status.EXPIRED, **fields)
    change_purchase(purchase, {"status": Status.PAID}, CAUSE)
    return purchase
