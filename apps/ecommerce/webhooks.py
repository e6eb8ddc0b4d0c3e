"""Verify, store and handle Stripe's events. https://docs.stripe.com/webhooks

Each event is stored once, by its id. Handlers fetch the current state from Stripe and use only ids of the payload, so
duplicates and the order of events do not matter.
"""

import json
import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, TypeAlias

import stripe
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from apps.ecommerce.catalogue.sync import sync_product
from apps.ecommerce.models import STRIPE_ID_LENGTH, Purchase, WebhookEvent, parse_public_id
from apps.ecommerce.purchases.discount_codes.sync import handle_code, handle_coupon, handle_redemption
from apps.ecommerce.purchases.emails.queue import queue_renewal_upcoming_email, queue_trial_ending_email
from apps.ecommerce.purchases.external_sales import import_invoice, import_session
from apps.ecommerce.purchases.external_subscriptions import import_subscription
from apps.ecommerce.purchases.fulfilment import sync_purchase
from apps.ecommerce.purchases.payments.stored_payments import (
    invoice_subscription,
    purchases_for_charge,
    purchases_for_payment,
)
from apps.ecommerce.purchases.shop_id import is_of_other_shop
from apps.ecommerce.stripe_api.client import (
    InvalidEvent,
    StripeData,
    clean_json,
    clean_text,
    fetch_or_none,
    get_id,
    is_text,
)

logger = logging.getLogger(__name__)

Payload: TypeAlias = StripeData
Handler: TypeAlias = Callable[[Payload, str], None]

TOLERANCE_SECONDS = 300  # maximum age of a signature, as in Stripe's libraries
MAX_TIMESTAMP = datetime(9999, 1, 1, tzinfo=UTC).timestamp()  # later times overflow in some time zones


def verify(body: bytes, signature: str) -> Payload:
    """Return the event if Stripe has signed it in the last five minutes. https://docs.stripe.com/webhooks/signature

    Raise stripe.SignatureVerificationError, or ValueError if the body is not a snapshot event.
    """
    text = body.decode()
    if not signature.isascii():  # the SDK's comparison raises TypeError
        raise ValueError("The signature is not ASCII.")
    stripe.WebhookSignature.verify_header(text, signature, settings.STRIPE_WEBHOOK_SECRET, TOLERANCE_SECONDS)
    try:
        event = clean_json(json.loads(text), text)
    except RecursionError:
        raise ValueError("The JSON has too many levels.") from None
    if not _is_snapshot_event(event):
        raise ValueError("The body is not a snapshot event.")
    return event  # type: ignore[no-any-return]


def receive(event: Payload) -> None:
    """Store the event, and handle it unless that was done before.

    An error in a handler is stored and raised, so that Stripe delivers the event again.
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
            record.save(force_insert=True)  # nearly all events are new, so an INSERT saves a query
    except IntegrityError:
        record = WebhookEvent.objects.get(pk=record.pk)
        if not record.processed_at:
            process(record)
    else:
        if is_handled:
            _run_handlers(record)


def process(record: WebhookEvent) -> None:
    WebhookEvent.objects.filter(pk=record.pk).update(attempts=F("attempts") + 1)
    _run_handlers(record)


def event_cause(event: Payload) -> str:
    return f"{event['type']} {event['id']}"


def _is_snapshot_event(event: Any) -> bool:
    """Return whether the event has the fields that its row needs. https://docs.stripe.com/api/events/object"""
    return (
        isinstance(event, dict)
        and event.get("object") == "event"
        and is_text(event.get("id"), STRIPE_ID_LENGTH)
        and is_text(event.get("type"), 100)
        and isinstance(created := event.get("created"), int | float)
        and 0 <= created < MAX_TIMESTAMP
        and isinstance(data := event.get("data"), dict)
        and isinstance(data.get("object"), dict)
    )


def _run_handlers(record: WebhookEvent) -> None:
    row, error = WebhookEvent.objects.filter(pk=record.pk), ""
    try:
        for handler in HANDLERS.get(record.type, []):
            handler(record.payload["data"]["object"], event_cause(record.payload))
    except InvalidEvent as unusable:
        logger.warning("Event %s (%s) is ignored: %s", record.pk, record.type, unusable)
        error = f"Ignored: {unusable}"
    except Exception as exception:
        row.update(error=clean_text(f"{type(exception).__name__}: {exception}"[:2000]))
        raise
    row.update(error=error, processed_at=timezone.now())


def _sync_all(purchases: Iterable[Purchase], cause: str) -> None:
    for purchase in purchases:
        sync_purchase(purchase, cause)


def _handle_session(session: Payload, cause: str) -> None:
    key = get_id(session, "session")
    if purchases := Purchase.objects.filter(session_id=key) or _restore_session_id(session):
        _sync_all(purchases, cause)
    elif session.get("status") == "complete":
        import_session(key, cause)


def _handle_subscription(subscription: Payload, cause: str) -> None:
    _sync_subscription(get_id(subscription, "subscription"), cause)


def _handle_trial_ending(subscription: Payload, cause: str) -> None:
    if purchase := _sync_subscription(get_id(subscription, "subscription"), cause):
        queue_trial_ending_email(purchase)


def _handle_upcoming_invoice(invoice: Payload, cause: str) -> None:
    subscription = invoice_subscription(invoice)
    if subscription and (purchase := _sync_subscription(get_id(subscription, "subscription"), cause)):
        queue_renewal_upcoming_email(purchase)


def _handle_payment(charge_or_refund: Payload, cause: str) -> None:
    if intent := charge_or_refund.get("payment_intent"):
        _sync_all(purchases_for_payment(get_id(intent, "payment intent")), cause)
    elif charge := charge_or_refund.get("charge") or charge_or_refund.get("id"):
        _sync_all(purchases_for_charge(get_id(charge, "charge")), cause)


def _handle_failed_payment(intent: Payload, cause: str) -> None:
    _sync_all(Purchase.objects.filter(payment_intent_id=get_id(intent, "payment intent")), cause)


def _handle_invoice(invoice: Payload, cause: str) -> None:
    if subscription := invoice_subscription(invoice):
        _sync_subscription(get_id(subscription, "subscription"), cause)
    elif invoice.get("status") == "paid":
        import_invoice(get_id(invoice, "invoice"), cause)


def _handle_product(product: Payload, cause: str) -> None:
    sync_product(get_id(product, "product"))


def _handle_price(price: Payload, cause: str) -> None:
    sync_product(get_id(price.get("product"), "price's product"))


# The endpoint in Stripe's Dashboard should send these events. Other events are only stored.
HANDLERS: dict[str, list[Handler]] = {
    "checkout.session.completed": [_handle_session, handle_redemption],  # paid, or waiting for the bank
    "checkout.session.async_payment_succeeded": [_handle_session],
    "checkout.session.async_payment_failed": [_handle_session],
    "checkout.session.expired": [_handle_session],
    "payment_intent.payment_failed": [_handle_failed_payment],  # the buyer may try another card
    "charge.refunded": [_handle_payment],
    "refund.created": [_handle_payment],
    "refund.updated": [_handle_payment],
    "refund.failed": [_handle_payment],  # the shop keeps the money
    "charge.dispute.created": [_handle_payment],
    "charge.dispute.updated": [_handle_payment],
    "charge.dispute.closed": [_handle_payment],
    "customer.subscription.created": [_handle_subscription],
    "customer.subscription.updated": [_handle_subscription],
    "customer.subscription.deleted": [_handle_subscription],
    "customer.subscription.paused": [_handle_subscription],
    "customer.subscription.resumed": [_handle_subscription],
    "customer.subscription.trial_will_end": [_handle_trial_ending],  # three days before the end
    "invoice.paid": [_handle_invoice],  # a renewal
    "invoice.finalized": [_handle_invoice],  # no longer a draft
    "invoice.voided": [_handle_invoice],
    "invoice.marked_uncollectible": [_handle_invoice],
    "invoice.payment_failed": [_handle_invoice],
    "invoice.upcoming": [_handle_upcoming_invoice],  # some days before a renewal
    "invoice.payment_action_required": [_handle_invoice],  # the buyer has to confirm at the bank
    "customer.discount.created": [handle_redemption],  # the discount of a subscription
    "promotion_code.created": [handle_code],
    "promotion_code.updated": [handle_code],
    "coupon.updated": [handle_coupon],
    "coupon.deleted": [handle_coupon],
    "product.created": [_handle_product],
    "product.updated": [_handle_product],
    "product.deleted": [_handle_product],
    "price.created": [_handle_price],
    "price.updated": [_handle_price],
    "price.deleted": [_handle_price],
}


def add_handler(event_type: str) -> Callable[[Handler], Handler]:
    """Decorate a handler of this type of event. It runs after the store's own handler, if there is one."""

    def add(handler: Handler) -> Handler:
        HANDLERS[event_type] = [*HANDLERS.get(event_type, []), handler]
        return handler

    return add


def _sync_subscription(subscription_id: str, cause: str) -> Purchase | None:
    if purchase := Purchase.objects.filter(subscription_id=subscription_id).first():
        return sync_purchase(purchase, cause)
    subscription = fetch_or_none("subscriptions", subscription_id)
    return import_subscription(subscription, cause) if subscription else None


def _restore_session_id(session: Payload) -> Iterable[Purchase]:
    """Return the purchase of this shop's Session whose id was not saved. Buyers can set client_reference_id."""
    public_id = parse_public_id((session.get("metadata") or {}).get("purchase"))
    if public_id and not is_of_other_shop(session.get("metadata")):
        Purchase.objects.filter(public_id=public_id, session_id=None).update(session_id=session["id"])
    return Purchase.objects.filter(session_id=session["id"])
