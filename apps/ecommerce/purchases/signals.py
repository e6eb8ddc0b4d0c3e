"""Signals for your receivers in apps/shop/receivers.py; see docs/guides/react-to-a-sale.md.

All receivers get `purchase` and `event_id`, which is the same if a call is repeated. They run in the task queue, after
the commit of the change, in the buyer's language, at least once: a failed call is repeated by reconcile_purchases.
"""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from asgiref.sync import async_to_sync
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.dispatch import Signal
from django.utils import timezone, translation

from apps.core.tasks import enqueue, task
from apps.ecommerce.models import Payment, Purchase, ReceiverCall
from apps.ecommerce.purchases.emails.messages import buyer_language

logger = logging.getLogger(__name__)

access_granted = Signal()  # a sale, or access is restored, or granted by an operator
purchase_claimed = Signal()  # an account has claimed a purchase that was made without one
access_revoked = Signal()  # refunded, disputed, ended, unpaid, or ended by an operator
payment_succeeded = Signal()  # with `payment`: the first one and each renewal
payment_refunded = Signal()  # with `payment` and `amount`, the minor units of this refund
payment_disputed = Signal()  # with `payment`
subscription_changed = Signal()  # with `changed`, names of SUBSCRIPTION_FIELDS

SIGNALS = {
    "access_granted": access_granted,
    "purchase_claimed": purchase_claimed,
    "access_revoked": access_revoked,
    "payment_succeeded": payment_succeeded,
    "payment_refunded": payment_refunded,
    "payment_disputed": payment_disputed,
    "subscription_changed": subscription_changed,
}
SUBSCRIPTION_FIELDS = ("status", "price_id", "quantity", "cancel_at")
CALL_TIMEOUT = timedelta(minutes=10)  # after that, another worker may repeat the call
MAX_ATTEMPTS = 20

Receiver = Callable[..., Any]


def queue_access_signal(purchase: Purchase, had_access: bool) -> None:
    if had_access != purchase.opens_product and not purchase.is_waiting:
        name = "access_granted" if purchase.opens_product else "access_revoked"
        queue_signal(name, purchase, f"v{purchase.version}")


def queue_subscription_signal(purchase: Purchase, changes: dict[str, Any]) -> None:
    changed = [name for name in SUBSCRIPTION_FIELDS if name in changes]
    if purchase.subscription_id and changed:
        queue_signal("subscription_changed", purchase, f"v{purchase.version}", {"changed": changed})


def queue_signal(
    name: str,
    purchase: Purchase,
    about: str,
    arguments: dict[str, Any] | None = None,
    payment: Payment | None = None,
) -> None:
    """Create and queue a call for each receiver of the signal, unless it was created before for `about`."""
    event_id = f"{name}:{purchase.public_id}:{about}"[:300]
    values = {"signal": name, "purchase": purchase, "payment": payment, "arguments": arguments or {}}
    for receiver in _receivers(name):
        try:
            with transaction.atomic():
                call = ReceiverCall.objects.create(event_id=event_id, receiver=receiver, **values)
        except IntegrityError:
            continue
        enqueue(call_receiver, call.pk)


def repeat_failed_calls() -> int:
    """Repeat the calls that failed or never ran. Return how many still fail."""
    open_calls = ReceiverCall.objects.filter(done_at=None, attempts__lt=MAX_ATTEMPTS)
    for pk in open_calls.values_list("pk", flat=True):
        call_receiver.func(pk)
    return ReceiverCall.objects.filter(done_at=None).count()


@task()
def call_receiver(call_id: int) -> None:
    """Call a receiver, unless that was done or another worker is doing it. Errors are stored in the row."""
    now = timezone.now()
    is_free = Q(started_at=None) | Q(started_at__lt=now - CALL_TIMEOUT)
    waiting = ReceiverCall.objects.filter(is_free, pk=call_id, done_at=None)
    if not waiting.update(started_at=now, attempts=F("attempts") + 1):
        return
    related = ("purchase__user", "purchase__product__configuration", "purchase__price", "payment")
    call = ReceiverCall.objects.select_related(*related).get(pk=call_id)
    result: dict[str, Any] = {"done_at": timezone.now(), "error": ""}
    try:
        _call(call)
    except Exception as error:  # a receiver may raise anything
        logger.exception("Receiver %s failed (%s)", call.receiver, call.event_id)
        result = {"error": f"{type(error).__name__}: {error}"[:2000]}
    ReceiverCall.objects.filter(pk=call_id).update(**result, started_at=None)


def _call(call: ReceiverCall) -> None:
    receiver = _receivers(call.signal).get(call.receiver)
    if receiver is None:
        return  # the receiver was removed from the code
    arguments = {**call.arguments, "purchase": call.purchase, "event_id": call.event_id}
    if call.payment:
        arguments["payment"] = call.payment
    with translation.override(buyer_language(call.purchase)):
        receiver(signal=SIGNALS[call.signal], sender=Purchase, **arguments)


def _receivers(name: str) -> dict[str, Receiver]:
    """Return the receivers of a signal by their dotted path. Several with the same path are numbered."""
    found: dict[str, Receiver] = {}
    live, asynchronous = SIGNALS[name]._live_receivers(Purchase)
    for receiver in [*live, *map(async_to_sync, asynchronous)]:
        path, number = _dotted_path(receiver), 2
        key = path
        while key in found:
            key, number = f"{path} {number}", number + 1
        found[key] = receiver
    return found


def _dotted_path(receiver: Any) -> str:
    """Return the path of a function, or of the class of another callable object."""
    function = getattr(receiver, "awaitable", receiver)  # attribute of async_to_sync
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{named.__module__}.{named.__qualname__}"
