"""Refunds that failed: the money is at Stripe again, and the buyer has to get it in another way.

https://docs.stripe.com/refunds#failed-refunds
"""

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from apps.ecommerce.models import Refund
from apps.ecommerce.money import format_money
from apps.ecommerce.operations.problems import Problem, order_url
from apps.ecommerce.stripe_api.client import is_livemode

REPORTED_FOR = timedelta(days=60)  # since it was created: Stripe does not know payments of another kind


def failed_refunds() -> QuerySet[Refund]:
    """Return the refunds that failed, newest first, unless the payment was refunded again.

    A dispute stops the refunds of its payment, too, but then the bank pays the buyer.
    """
    again = Refund.objects.counted().filter(
        payment=OuterRef("payment"), created_at__gte=OuterRef("created_at"), amount__gte=OuterRef("amount")
    )
    failed = Refund.objects.filter(
        livemode__in=[is_livemode()],
        status__in=Refund.UNSUCCESSFUL,
        created_at__gt=timezone.now() - REPORTED_FOR,
        payment__dispute_id="",
    )
    return failed.exclude(Exists(again)).select_related("payment__purchase__user")


def check_refunds(name: str) -> Iterator[Problem]:
    for refund in failed_refunds():
        purchase = refund.payment.purchase
        text = (
            f"A refund of {format_money(refund.amount, refund.currency)} failed, and the money is at Stripe again. "
            f"Pay it to the buyer in another way: {purchase.current_email}, order {purchase.order_number} "
            f"({purchase.product_name}). See {order_url(purchase)}"
        )
        yield Problem(name, text, refund.stripe_id)
