"""Signals for your receivers in apps/shop/receivers.py; see docs/guides/react-to-a-sale.md.

Receivers get `purchase`. They run in the task queue, after the commit of the change, in the buyer's language. An error
in a receiver is logged. It affects neither the purchase nor other receivers.
"""

from django.dispatch import Signal
from django.utils import translation

from apps.core.tasks import enqueue, task
from apps.ecommerce.models import Purchase
from apps.ecommerce.purchases.emails import buyer_language

access_granted = Signal()  # a sale, or access is back after a dispute or a late payment
access_revoked = Signal()  # refunded, disputed, ended or unpaid

SIGNALS = {"access_granted": access_granted, "access_revoked": access_revoked}


def queue_access_signal(purchase: Purchase, had_access: bool) -> None:
    name = "access_granted" if purchase.opens_product else "access_revoked"
    if had_access != purchase.opens_product and SIGNALS[name].has_listeners(Purchase):
        enqueue(send_signal, name, purchase.pk)


@task()
def send_signal(name: str, purchase_id: int) -> None:
    purchase = Purchase.objects.select_related("user", "product__configuration", "price").get(pk=purchase_id)
    with translation.override(buyer_language(purchase)):
        SIGNALS[name].send_robust(Purchase, purchase=purchase)
