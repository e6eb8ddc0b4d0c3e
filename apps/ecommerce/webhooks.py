"""Stripe's events: recorded once by id, dispatched by one table. https://docs.stripe.com/webhooks

A payload only says what to fetch: every handler asks Stripe for the current state. Duplicates and order don't matter.
"""

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

import stripe
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from apps.ecommerce.catalogue.sync import sync_product
from apps.ecommerce.models import STRIPE_ID_LENGTH, Purchase, WebhookEvent, parse_public_id
from apps.ecommerce.purchases.emails import queue_trial_ending_email
from apps.ecommerce.purchases.foreign_subscriptions import adopt_subscription_by_id
from apps.ecommerce.purchases.fulfilment import sync_purchase
from apps.ecommerce.purchases.payments import invoice_subscription, purchases_for_payment
from apps.ecommerce.stripe_api.client import storable, storable_text

logger = logging.getLogger(__name__)

Payload: TypeAlias = Mapping[str, Any]
Handler: TypeAlias = Callable[[Payload, str], None]

TOLERANCE_SECONDS = 300  # maximum age of a signature, as in Stripe's libraries
MAX_TIMESTAMP = datetime(9999, 1, 1, tzinfo=UTC).timestamp()  # the last year that every time zone can show


class UnusableEvent(Exception):
    """The event lacks what its handler needs, however often Stripe delivers it."""


def verify(body: bytes, signature: str) -> Payload:
    """Return the event, if Stripe has signed it in the last five minutes. https://docs.stripe.com/webhooks/signature

    Raises stripe.SignatureVerificationError, or ValueError if the body is not a snapshot event.
    """
    text = body.decode()
    if not signature.isascii():  # the SDK's comparison raises TypeError
        raise ValueError("The signature is not ASCII.")
    stripe.WebhookSignature.verify_header(text, signature, settings.STRIPE_WEBHOOK_SECRET, TOLERANCE_SECONDS)
    try:
        event = storable(json.loads(text), text)
    except RecursionError:
        raise ValueError("The JSON has too many levels.") from None
    if not _is_snapshot_event(event):
        raise ValueError("The body is not a snapshot event.")
    return event  # type: ignore[no-any-return]


def receive(event: Payload) -> None:
    """Record the event and handle it, unless it is done.

    An error in a handler is recorded with the event and raised, so that Stripe delivers the event again.
    """
    is_handled = event["type"] in HANDLERS
    record = WebhookEvent(
        id=event["id"],
        type=event["type"],
        payload=event,
        stripe_created=datetime.fromtimestamp(event["created"], UTC),
        attempts=1,
        processed_at=None if is_handled else timezone.now(),
    )
    try:
        with transaction.atomic():
            record.save(force_insert=True)  # nearly all events are new: no query looks for them first
    except IntegrityError:
        record = WebhookEvent.objects.get(pk=record.pk)
        if not record.processed_at:
            process(record)
    else:
        if is_handled:
            _handle(record)


def process(record: WebhookEvent) -> None:
    """Handle a recorded event again."""
    WebhookEvent.objects.filter(pk=record.pk).update(attempts=F("attempts") + 1)
    _handle(record)


def event_cause(event: Payload) -> str:
    """Return the cause that a StatusChange notes for an event."""
    return f"{event['type']} {event['id']}"


def _is_snapshot_event(event: Any) -> bool:
    """Return whether the event has what its row needs. https://docs.stripe.com/api/events/object"""
    return (
        isinstance(event, dict)
        and event.get("object") == "event"
        and _is_text(event.get("id"), STRIPE_ID_LENGTH)
        and _is_text(event.get("type"), 100)
        and isinstance(created := event.get("created"), int | float)
        and 0 <= created < MAX_TIMESTAMP
        and isinstance(data := event.get("data"), dict)
        and isinstance(data.get("object"), dict)
    )


def _is_text(value: Any, max_length: int) -> bool:
    return isinstance(value, str) and 0 < len(value) <= max_length


def _handle(record: WebhookEvent) -> None:
    row, error = WebhookEvent.objects.filter(pk=record.pk), ""
    try:
        if handler := HANDLERS.get(record.type):
            handler(record.payload["data"]["object"], event_cause(record.payload))
    except UnusableEvent as unusable:
        logger.warning("Event %s (%s) is not used: %s", record.pk, record.type, unusable)
        error = f"Not used: {unusable}"
    except Exception as exception:
        row.update(error=storable_text(f"{type(exception).__name__}: {exception}"[:2000]))
        raise
    row.update(error=error, processed_at=timezone.now())


def _id(value: Any, name: str) -> str:
    """Return the id of an object, expanded or not. Raise UnusableEvent if it has no usable id."""
    found = value.get("id") if isinstance(value, Mapping) else value
    if not _is_text(found, STRIPE_ID_LENGTH):
        raise UnusableEvent(f"the {name} has no id")
    return str(found)


def _sync(purchases: Iterable[Purchase], cause: str) -> None:
    for purchase in purchases:
        sync_purchase(purchase, cause)


def _session_changed(session: Payload, cause: str) -> None:
    purchases = Purchase.objects.filter(session_id=_id(session, "session"))
    _sync(purchases or _claim(session), cause)


def _subscription_changed(subscription: Payload, cause: str) -> None:
    _sync_subscription(_id(subscription, "subscription"), cause)


def _trial_will_end(subscription: Payload, cause: str) -> None:
    if purchase := _sync_subscription(_id(subscription, "subscription"), cause):
        queue_trial_ending_email(purchase)


def _payment_changed(charge_or_refund: Payload, cause: str) -> None:
    if intent := charge_or_refund.get("payment_intent"):
        _sync(purchases_for_payment(_id(intent, "payment intent")), cause)


def _payment_failed(intent: Payload, cause: str) -> None:
    _sync(Purchase.objects.filter(payment_intent_id=_id(intent, "payment intent")), cause)


def _invoice_changed(invoice: Payload, cause: str) -> None:
    if subscription := invoice_subscription(invoice):
        _sync_subscription(_id(subscription, "subscription"), cause)


def _product_changed(product: Payload, cause: str) -> None:
    sync_product(_id(product, "product"))


def _price_changed(price: Payload, cause: str) -> None:
    sync_product(_id(price.get("product"), "price's product"))


# The events that the store acts on. The endpoint in Stripe's Dashboard should send these; others are only recorded.
HANDLERS: dict[str, Handler] = {
    "checkout.session.completed": _session_changed,  # paid, or on its way
    "checkout.session.async_payment_succeeded": _session_changed,  # the bank paid, days later
    "checkout.session.async_payment_failed": _session_changed,  # the bank did not
    "checkout.session.expired": _session_changed,  # it was not paid
    "payment_intent.payment_failed": _payment_failed,  # a card was declined; the buyer may try another
    "charge.refunded": _payment_changed,
    "refund.created": _payment_changed,
    "refund.updated": _payment_changed,
    "refund.failed": _payment_changed,  # the money stayed here after all
    "charge.dispute.created": _payment_changed,
    "charge.dispute.updated": _payment_changed,
    "charge.dispute.closed": _payment_changed,
    "customer.subscription.created": _subscription_changed,
    "customer.subscription.updated": _subscription_changed,
    "customer.subscription.deleted": _subscription_changed,
    "customer.subscription.paused": _subscription_changed,
    "customer.subscription.resumed": _subscription_changed,
    "customer.subscription.trial_will_end": _trial_will_end,  # three days before: a mail
    "invoice.paid": _invoice_changed,  # a renewal
    "invoice.payment_failed": _invoice_changed,
    "invoice.payment_action_required": _invoice_changed,  # the bank wants the buyer to confirm
    "product.created": _product_changed,
    "product.updated": _product_changed,
    "product.deleted": _product_changed,
    "price.created": _price_changed,
    "price.updated": _price_changed,
    "price.deleted": _price_changed,
}


def add_handler(event_type: str) -> Callable[[Handler], Handler]:
    """Decorate a handler of this type of event. It runs after the store's own handler, if there is one."""

    def add(handler: Handler) -> Handler:
        store_handler = HANDLERS.get(event_type)

        def run_both(data: Payload, cause: str) -> None:
            if store_handler:
                store_handler(data, cause)
            handler(data, cause)

        HANDLERS[event_type] = run_both
        return handler

    return add


def _sync_subscription(subscription_id: str, cause: str) -> Purchase | None:
    """Sync and return the purchase of a subscription. One that was made outside the store is adopted."""
    purchase = Purchase.objects.filter(subscription_id=subscription_id).first()
    return sync_purchase(purchase, cause) if purchase else adopt_subscription_by_id(subscription_id, cause)


def _claim(session: Payload) -> Iterable[Purchase]:
    """Return the purchase of a Session that a crash kept the store from saving; none for another shop's Session."""
    if public_id := parse_public_id(session.get("client_reference_id")):
        Purchase.objects.filter(public_id=public_id, session_id=None).update(session_id=session["id"])
    return Purchase.objects.filter(session_id=session["id"])
