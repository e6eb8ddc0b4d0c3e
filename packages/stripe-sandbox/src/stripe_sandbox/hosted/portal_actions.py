"""The actions of customers in the billing portal. Each action is one transaction, at the time of the customer's clock.

https://docs.stripe.com/customer-management
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .. import clock, errors, events, storage
from ..billing import changes, clocks, collection, preview
from ..resources import setup_intents
from ..storage import Obj
from . import payment
from .payment_form import PaymentForm

CHALLENGE_NOT_SUPPORTED = (
    "This card requires 3D Secure, which the sandbox supports at checkout only. Please try another card."
)

NOT_CHARGED = "Your payment method could not be charged. Please update it and try again."


def save_card(customer: Obj, form: PaymentForm, subscription: Obj | None = None) -> str:
    """Save a card for one subscription or as the default, and pay overdue invoices with it. Return an error or "".

    A new default does not replace the card of a subscription, as on Stripe's portal.
    """
    card = form.card
    if card.challenge:
        return CHALLENGE_NOT_SUPPORTED
    with _customer_transaction(customer):
        intent = setup_intents.new(customer=customer["id"])
        events.emit("setup_intent.created", intent)
        address = {"country": form.billingCountry, "postal_code": form.postal_code}
        buyer = {"email": customer["email"], "name": form.billingName, "address": address}
        method = payment.create_payment_method(card, form, buyer)
        if card.decline:
            payment.fail(intent, method, card.decline.code, card.decline, card.decline.message)
            return card.decline.page_message
        method = storage.update(method["id"], customer=customer["id"])
        events.emit("payment_method.attached", method)
        events.emit(
            "setup_intent.succeeded",
            storage.update(intent["id"], status="succeeded", payment_method=method["id"]),
        )
        if subscription:
            changes.update(subscription, {"default_payment_method": method["id"]})
        else:
            _set_default(customer, method["id"])
        for invoice in collection.find_open_invoices(
            customer["id"], subscription["id"] if subscription else ""
        ):
            collection.pay(invoice, method["id"])
    return ""


def cancel(customer: Obj, subscription: Obj, at_period_end: bool) -> None:
    with _customer_transaction(customer):
        details = {"reason": "cancellation_requested"}
        if at_period_end:
            changes.update(subscription, {"cancel_at_period_end": True})
        else:
            changes.cancel(subscription, details)


def resume(customer: Obj, subscription: Obj) -> None:
    with _customer_transaction(customer):
        changes.update(subscription, {"cancel_at_period_end": False})


def switch_plan(customer: Obj, subscription: Obj, params: Obj) -> str:
    """Change the plan. Return an error, without a change, if the card is declined; else ""."""
    with _customer_transaction(customer):
        with storage.discard_changes():
            after = changes.update(subscription, params)
            billed = after["latest_invoice"] != subscription["latest_invoice"]
            invoice = storage.get(after["latest_invoice"], "invoice") if billed else None
            if invoice and invoice["status"] == "open":
                error = (collection.get_payment_intent(invoice) or {}).get("last_payment_error") or {}
                return str(error.get("message") or NOT_CHARGED)
        changes.update(subscription, params)
    return ""


def preview_plan(customer: Obj, subscription: Obj, params: Obj) -> tuple[Obj | None, Obj | None]:
    """Return the invoice that the change causes today, or else the next one; None if there is none."""
    with _customer_transaction(customer):
        try:
            invoice = preview.preview_change(subscription, params)
        except errors.ApiError:  # no next invoice: the subscription ends
            return None, None
        return (invoice, None) if invoice["created"] == clock.now() else (None, invoice)


@contextmanager
def _customer_transaction(customer: Obj) -> Iterator[None]:
    with clocks.customer_time(customer["id"]), storage.transaction():
        yield


def _set_default(customer: Obj, method: str) -> None:
    settings: dict[str, Any] = (customer["invoice_settings"] or {}) | {"default_payment_method": method}
    after = storage.update(customer["id"], invoice_settings=settings)
    events.emit_updated("customer", customer, after)
