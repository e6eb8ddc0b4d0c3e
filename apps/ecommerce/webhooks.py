"""Stripe's events: recorded once by id, dispatched by one table. https://docs.stripe.com/webhooks

A payload is only a hint about what to fetch: every handler asks Stripe for the newest state. Stripe delivers at
least once and in no order, and none of it matters here.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

import stripe
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from apps.ecommerce.catalogue.sync import sync_product
from apps.ecommerce.models import STRIPE_ID_LENGTH, Purchase, WebhookEvent
from apps.ecommerce.purchases.emails import queue_trial_ending_email
from apps.ecommerce.purchases.foreign_subscriptions import adopt_subscription_by_id
from apps.ecommerce.purchases.fulfilment import sync_purchase
from apps.ecommerce.purchases.payments import purchases_of_payment, subscription_of
from apps.ecommerce.storable import storable, storable_text

logger = logging.getLogger(__name__)

Payload: TypeAlias = Mapping[str, Any]
Handler: TypeAlias = Callable[[Payload, str], None]

TOLERANCE_SECONDS = 300  # how old a signature may be, as in Stripe's own libraries
MAX_TIMESTAMP = datetime(9999, 1, 1, tzinfo=UTC).timestamp()  # the last year that every time zone can show


def verify(body: bytes, signature: str) -> Payload:
    """The event, if Stripe signed it within the last five minutes. https://docs.stripe.com/webhooks/signature

    Raises stripe.SignatureVerificationError, or ValueError when the body is not a snapshot event.
    """
    text = body.decode()
    if not signature.isascii():  # the SDK compares in a way that knows ASCII only
        raise ValueError("no signature of Stripe's")
    stripe.WebhookSignature.verify_header(text, signature, settings.STRIPE_WEBHOOK_SECRET, TOLERANCE_SECONDS)
    try:
        event = storable(json.loads(text), text)
    except RecursionError:
        raise ValueError("nested without end") from None
    if not isinstance(event, dict) or event.get("object") != "event":
        raise ValueError("not a snapshot event")
    _check_fields(event)
    return event


def _check_fields(event: Payload) -> None:
    """Raise ValueError unless the event has everything that its row needs. https://docs.stripe.com/api/events/object"""
    for name, longest in {"id": STRIPE_ID_LENGTH, "type": 100}.items():
        if not isinstance(event.get(name), str) or not 0 < len(event[name]) <= longest:
            raise ValueError(f"an event without a usable {name}")
    created = event.get("created")
    if not isinstance(created, int | float) or not 0 <= created < MAX_TIMESTAMP:
        raise ValueError("an event without a usable created")
    if not isinstance(event.get("data"), dict) or not isinstance(event["data"].get("object"), dict):
        raise ValueError("an event without data.object")


class UnusableEvent(Exception):
    """The event lacks what its handler needs, and will lack it however often Stripe delivers it."""


def receive(event: Payload) -> None:
    """Records the event and does what it asks for; an event that was done already is left alone.

    An error in a handler is recorded on the event and raised, so that Stripe delivers it again.
    """
    record, is_new = _record(event)
    if is_new and record.type in HANDLERS:
        _handle(record)
    elif not record.processed_at:
        process(record)


def process(record: WebhookEvent) -> None:
    """Dispatches a recorded event once more. The operator may do so at any time."""
    WebhookEvent.objects.filter(pk=record.pk).update(attempts=F("attempts") + 1)
    _handle(record)


def cause_of(event: Payload) -> str:
    """Return what a StatusChange notes as the cause when an event brought it."""
    return f"{event['type']} {event['id']}"


def _record(event: Payload) -> tuple[WebhookEvent, bool]:
    """Return the event's row, and whether it is new. Nearly all are, so the row is written before it is looked up."""
    record = WebhookEvent(
        id=event["id"],
        type=event["type"],
        payload=event,
        stripe_created=datetime.fromtimestamp(event["created"], UTC),
        attempts=1,
        processed_at=None if event["type"] in HANDLERS else timezone.now(),  # nothing to do
    )
    try:
        with transaction.atomic():
            record.save(force_insert=True)
    except IntegrityError:
        return WebhookEvent.objects.get(pk=record.pk), False
    return record, True


def _handle(record: WebhookEvent) -> None:
    handler = HANDLERS.get(record.type)
    try:
        if handler:
            handler(record.payload["data"]["object"], cause_of(record.payload))
    except UnusableEvent as error:
        logger.warning("Event %s (%s) is not used: %s", record.pk, record.type, error)
        _finish(record, f"Not used: {error}")
        return
    except Exception as error:
        words = storable_text(f"{type(error).__name__}: {error}"[:2000])
        WebhookEvent.objects.filter(pk=record.pk).update(error=words)
        raise
    _finish(record)


def _finish(record: WebhookEvent, error: str = "") -> None:
    WebhookEvent.objects.filter(pk=record.pk).update(error=error, processed_at=timezone.now())


def _id(value: Any, what: str) -> str:
    """Return an object's id, whether it is expanded or not. Raise UnusableEvent if it has no usable id."""
    found = value.get("id") if isinstance(value, Mapping) else value
    if not isinstance(found, str) or not 0 < len(found) <= STRIPE_ID_LENGTH:
        raise UnusableEvent(f"the {what} has no id")
    return found


def _session_changed(session: Payload, cause: str) -> None:
    purchases = Purchase.objects.filter(session_id=_id(session, "session"))
    for purchase in purchases or _claim(session):
        sync_purchase(purchase, cause)


def _subscription_changed(subscription: Payload, cause: str) -> None:
    _sync_subscription(_id(subscription, "subscription"), cause)


def _trial_will_end(subscription: Payload, cause: str) -> None:
    for purchase in _sync_subscription(_id(subscription, "subscription"), cause):
        queue_trial_ending_email(purchase)


def _payment_changed(charge_or_refund: Payload, cause: str) -> None:
    if intent := charge_or_refund.get("payment_intent"):
        for purchase in purchases_of_payment(_id(intent, "payment intent")):
            sync_purchase(purchase, cause)


def _payment_failed(intent: Payload, cause: str) -> None:
    for purchase in Purchase.objects.filter(payment_intent_id=_id(intent, "payment intent")):
        sync_purchase(purchase, cause)


def _invoice_changed(invoice: Payload, cause: str) -> None:
    if subscription := subscription_of(invoice):
        _sync_subscription(_id(subscription, "subscription"), cause)


def _product_changed(product: Payload, cause: str) -> None:
    sync_product(_id(product, "product"))


def _price_changed(price: Payload, cause: str) -> None:
    sync_product(_id(price.get("product"), "price's product"))


# Every event that the store acts on. The endpoint in Stripe's Dashboard should send exactly these; others are
# recorded and answered with 200.
HANDLERS: dict[str, Handler] = {
    "checkout.session.completed": _session_changed,  # paid, or on its way
    "checkout.session.async_payment_succeeded": _session_changed,  # the bank paid, days later
    "checkout.session.async_payment_failed": _session_changed,  # the bank did not
    "checkout.session.expired": _session_changed,  # nobody paid
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


def _sync_subscription(subscription_id: str, cause: str) -> list[Purchase]:
    """The synced purchase of a subscription, made now if the store has not sold it."""
    if known := list(Purchase.objects.filter(subscription_id=subscription_id)):
        return [sync_purchase(purchase, cause) for purchase in known]
    adopted = adopt_subscription_by_id(subscription_id, cause)
    return [adopted] if adopted else []


def _claim(session: Payload) -> list[Purchase]:
    """The purchase whose Session this is although a crash kept us from noting it; none for another shop's."""
    try:
        public_id = uuid.UUID(str(session.get("client_reference_id")))
    except ValueError:
        return []
    unclaimed = Purchase.objects.filter(public_id=public_id, session_id=None)
    unclaimed.update(session_id=session["id"])
    return list(Purchase.objects.filter(session_id=session["id"]))
