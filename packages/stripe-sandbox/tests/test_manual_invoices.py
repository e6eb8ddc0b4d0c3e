"""Invoices that are created without a subscription, as in Stripe's Dashboard. https://docs.stripe.com/api/invoices/create"""

from typing import Any

import pytest
import stripe

pytestmark = pytest.mark.django_db


@pytest.fixture
def price(sandbox: Any) -> str:
    product = sandbox.client.v1.products.create({"name": "Poster"}).id
    made = {"product": product, "currency": "usd", "unit_amount": 1500}
    return str(sandbox.client.v1.prices.create(made).id)


@pytest.fixture
def customer(sandbox: Any) -> str:
    customer = sandbox.client.v1.customers.create({"email": "ada@example.com"}).id
    sandbox.client.v1.payment_methods.attach("pm_card_visa", {"customer": customer})
    return str(customer)


def card(sandbox: Any, customer: str, token: str = "pm_card_visa") -> str:
    return str(sandbox.client.v1.payment_methods.attach(token, {"customer": customer}).id)


def test_invoice_is_drafted_finalized_and_paid(sandbox: Any, customer: str, price: str) -> None:
    v1 = sandbox.client.v1
    invoice = v1.invoices.create({"customer": customer, "default_payment_method": card(sandbox, customer)})
    assert (invoice.status, invoice.total, invoice.number, invoice.parent) == ("draft", 0, None, None)
    v1.invoice_items.create(
        {"customer": customer, "invoice": invoice.id, "pricing": {"price": price}, "quantity": 2}
    )
    draft = v1.invoices.retrieve(invoice.id)
    assert (draft.total, draft.created, draft.customer_email) == (3000, invoice.created, "ada@example.com")
    (line,) = draft.lines.data
    assert (line.pricing.price_details.price, line.quantity, line.amount) == (price, 2, 3000)
    opened = v1.invoices.finalize_invoice(invoice.id)
    assert (opened.status, opened.amount_due) == ("open", 3000)
    assert opened.number
    paid = v1.invoices.pay(invoice.id)
    assert (paid.status, paid.amount_paid, paid.billing_reason) == ("paid", 3000, "manual")
    (payment,) = v1.invoice_payments.list({"invoice": invoice.id}).data
    intent = v1.payment_intents.retrieve(payment.payment.payment_intent)
    assert (intent.status, intent.customer, intent.amount) == ("succeeded", customer, 3000)
    types = [event.type for event in v1.events.list({"limit": 100}).data]
    for name in ("invoice.created", "invoice.finalized", "invoice.paid", "charge.succeeded"):
        assert types.count(name) == 1


def test_declined_card_leaves_the_invoice_open(sandbox: Any, customer: str, price: str) -> None:
    v1 = sandbox.client.v1
    invoice = v1.invoices.create({"customer": customer})
    v1.invoice_items.create({"customer": customer, "invoice": invoice.id, "pricing": {"price": price}})
    v1.invoices.finalize_invoice(invoice.id)
    method = card(sandbox, customer, "pm_card_chargeCustomerFail")
    with pytest.raises(stripe.CardError):
        v1.invoices.pay(invoice.id, {"payment_method": method})
    assert v1.invoices.retrieve(invoice.id).status == "open"


def test_pending_items_are_included_only_on_request(sandbox: Any, customer: str, price: str) -> None:
    v1 = sandbox.client.v1
    v1.invoice_items.create({"customer": customer, "pricing": {"price": price}})
    assert v1.invoices.create({"customer": customer}).total == 0
    included = v1.invoices.create({"customer": customer, "pending_invoice_items_behavior": "include"})
    assert included.total == 1500
    assert v1.invoice_items.list({"customer": customer, "pending": True}).data == []


def test_empty_invoice_is_paid_when_it_is_finalized(sandbox: Any, customer: str) -> None:
    """https://docs.stripe.com/invoicing/overview: an invoice of nothing needs no payment."""
    invoice = sandbox.client.v1.invoices.create({"customer": customer})
    assert sandbox.client.v1.invoices.finalize_invoice(invoice.id).status == "paid"


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"days_until_due": 30},
        {"auto_advance": True},
    ],
)
def test_invalid_invoices_are_refused(sandbox: Any, customer: str, params: dict[str, Any]) -> None:
    given = {"customer": customer, **params} if params else {}
    with pytest.raises(stripe.InvalidRequestError):
        sandbox.client.v1.invoices.create(given)


def test_items_are_refused_after_finalizing_and_for_recurring_prices(
    sandbox: Any, customer: str, price: str
) -> None:
    v1 = sandbox.client.v1
    product = v1.prices.retrieve(price).product
    monthly = {"product": product, "currency": "usd", "unit_amount": 900, "recurring": {"interval": "month"}}
    recurring = v1.prices.create(monthly).id
    with pytest.raises(stripe.InvalidRequestError, match="one_time"):
        v1.invoice_items.create({"customer": customer, "pricing": {"price": recurring}})
    invoice = v1.invoices.create({"customer": customer})
    v1.invoices.finalize_invoice(invoice.id)
    with pytest.raises(stripe.InvalidRequestError):
        v1.invoice_items.create({"customer": customer, "invoice": invoice.id, "pricing": {"price": price}})
    with pytest.raises(stripe.InvalidRequestError):
        v1.invoices.finalize_invoice(invoice.id)
