"""Coupons, promotion codes, automatic tax, tax ids and invoices of one-time sales."""

from __future__ import annotations

import html
import time
from typing import Any

import pytest
import stripe
from django.test import Client
from test_bank_debit import open_session as euro_session
from test_bank_debit import pay as pay_by_debit
from test_billing import Subscriber
from test_checkout_page import complete_challenge, field_errors, open_session, page, pay, retrieve_session

from stripe_sandbox import cards, clock, ibans, scheduled_actions, storage
from stripe_sandbox.billing import panel_actions
from stripe_sandbox.testing import Sandbox


def create_code(
    sandbox: Sandbox, name: str = "LAUNCH20", terms: Any = None, **coupon: Any
) -> stripe.PromotionCode:
    coupon_object = sandbox.client.v1.coupons.create(
        {"percent_off": 20, **coupon} if "amount_off" not in coupon else coupon
    )  # type: ignore[typeddict-item, arg-type]
    params: Any = {"promotion": {"type": "coupon", "coupon": coupon_object.id}, "code": name, **(terms or {})}
    return sandbox.client.v1.promotion_codes.create(params)


def apply_code(session: stripe.checkout.Session, code: str, **more: str) -> str:
    response = Client().post(page(session), {"promotionCode": code, "act": "apply", **more})
    assert response.status_code == 200
    return html.unescape(response.content.decode())


def amounts(session: Any) -> tuple[int, int, int, int]:
    """Return subtotal, discount, tax and total."""
    details = session.total_details
    return session.amount_subtotal, details.amount_discount, details.amount_tax, session.amount_total


def retrieve_invoice(sandbox: Sandbox, session: stripe.checkout.Session) -> Any:
    found = str(retrieve_session(sandbox, session).invoice)
    return sandbox.client.v1.invoices.retrieve(found, {"expand": ["payments"]})


# --- promotion codes --------------------------------------------------------------------------------------


def test_code_on_the_page_reduces_the_amount(sandbox: Sandbox) -> None:
    promotion = create_code(sandbox)
    session = open_session(sandbox, allow_promotion_codes=True)
    page_html = apply_code(session, "launch20", email="ada@example.com", cardNumber="4242")
    for text in ("LAUNCH20", "-$3.80", "Pay $15.20", 'value="ada@example.com"', 'value="4242"'):
        assert text in page_html
    session = retrieve_session(sandbox, session)
    assert amounts(session) == (1900, 380, 0, 1520)
    assert [row.promotion_code for row in session.discounts or []] == [promotion.id]
    pay(Client(), session)
    session = retrieve_session(sandbox, session, "payment_intent", "line_items")
    assert session.payment_status == "paid"
    assert session.payment_intent.amount_received == 1520  # type: ignore[union-attr]
    assert session.line_items.data[0].amount_discount == 380  # type: ignore[union-attr]
    promotion = sandbox.client.v1.promotion_codes.retrieve(promotion.id, {"expand": ["promotion.coupon"]})
    assert (promotion.times_redeemed, promotion.promotion.coupon.times_redeemed) == (1, 1)  # type: ignore[union-attr]


def test_code_can_be_removed(sandbox: Sandbox) -> None:
    create_code(sandbox)
    session = open_session(sandbox, allow_promotion_codes=True)
    apply_code(session, "LAUNCH20")
    page_html = html.unescape(Client().post(page(session), {"act": "remove"}).content.decode())
    assert "Pay $19.00" in page_html
    assert 'id="promotionCode"' in page_html
    assert amounts(retrieve_session(sandbox, session)) == (1900, 0, 0, 1900)


def test_unapplied_code_is_applied_before_paying(sandbox: Sandbox) -> None:
    create_code(sandbox)
    session = open_session(sandbox, allow_promotion_codes=True)
    assert pay(Client(), session, promotionCode="LAUNCH20").status_code == 200
    assert (retrieve_session(sandbox, session).status, retrieve_session(sandbox, session).amount_total) == (
        "open",
        1520,
    )


def test_code_can_be_applied_after_declined_card(sandbox: Sandbox) -> None:
    create_code(sandbox)
    session = open_session(sandbox, allow_promotion_codes=True)
    pay(Client(), session, cards.BY_NUMBER["4000000000000002"])
    apply_code(session, "LAUNCH20")
    pay(Client(), session)
    intent: Any = retrieve_session(sandbox, session, "payment_intent").payment_intent
    assert (intent.amount, intent.amount_received) == (1520, 1520)


def test_code_during_three_d_secure_restarts_payment(sandbox: Sandbox) -> None:
    create_code(sandbox)
    session = open_session(sandbox, allow_promotion_codes=True)
    pay(Client(), session, cards.BY_NUMBER["4000002760003184"])
    apply_code(session, "LAUNCH20")
    complete_challenge(Client(), session, "complete")
    assert retrieve_session(sandbox, session).status == "open"
    pay(Client(), session, cards.BY_NUMBER["4000002760003184"])
    complete_challenge(Client(), session, "complete")
    intent: Any = retrieve_session(sandbox, session, "payment_intent").payment_intent
    assert intent.amount_received == 1520


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ({"active": False}, "This code is invalid."),
        (
            {"restrictions": {"minimum_amount": 5000, "minimum_amount_currency": "usd"}},
            "too small for this code",
        ),
        ({"code": "OTHER"}, "This code is invalid."),
    ],
)
def test_invalid_code_is_rejected(sandbox: Sandbox, terms: dict[str, Any], message: str) -> None:
    create_code(sandbox, terms=terms)
    session = open_session(sandbox, allow_promotion_codes=True)
    assert message in apply_code(session, "LAUNCH20")
    assert retrieve_session(sandbox, session).amount_total == 1900


def test_expired_code_is_rejected(sandbox: Sandbox) -> None:
    promotion = create_code(sandbox, terms={"expires_at": clock.now() + 60})
    session = open_session(sandbox, allow_promotion_codes=True)
    storage.update(promotion.id, expires_at=clock.now() - 1)
    assert "This code has expired." in apply_code(session, "LAUNCH20")
    with pytest.raises(stripe.InvalidRequestError):
        create_code(sandbox, "LATE", terms={"expires_at": clock.now() - 1})


def test_code_has_a_maximum_of_redemptions(sandbox: Sandbox) -> None:
    create_code(sandbox, max_redemptions=1)
    first, second = (open_session(sandbox, allow_promotion_codes=True) for _ in range(2))
    apply_code(first, "LAUNCH20")
    pay(Client(), first)
    assert "has expired" in apply_code(second, "LAUNCH20")


def test_code_field_requires_allow_promotion_codes(sandbox: Sandbox) -> None:
    create_code(sandbox)
    session = open_session(sandbox)
    assert 'id="promotionCode"' not in apply_code(session, "LAUNCH20")
    assert retrieve_session(sandbox, session).amount_total == 1900


def test_full_discount_requires_no_card(sandbox: Sandbox) -> None:
    create_code(sandbox, "FREE", percent_off=100)
    session = open_session(sandbox, allow_promotion_codes=True)
    page_html = apply_code(session, "FREE")
    assert 'id="cardNumber"' not in page_html
    assert "Complete order" in page_html
    assert Client().post(page(session), {"email": "ada@example.com"}).status_code == 303
    session = retrieve_session(sandbox, session)
    assert (session.status, session.payment_status) == ("complete", "no_payment_required")
    assert session.payment_intent is None
    assert amounts(session) == (1900, 1900, 0, 0)


# --- discounts set by the store --------------------------------------------------------------------------


def test_session_has_its_discount(sandbox: Sandbox) -> None:
    coupon = sandbox.client.v1.coupons.create({"amount_off": 500, "currency": "usd"})
    session = open_session(sandbox, discounts=[{"coupon": coupon.id}])
    assert amounts(session) == (1900, 500, 0, 1400)
    assert session.discounts[0].coupon == coupon.id  # type: ignore[index]
    for wrong in (
        {"discounts": [{"coupon": coupon.id}], "allow_promotion_codes": True},
        {"discounts": [{"coupon": "nothing"}]},
        {"discounts": [{"coupon": coupon.id}, {"coupon": coupon.id}]},
    ):
        with pytest.raises(stripe.InvalidRequestError):
            open_session(sandbox, **wrong)


@pytest.mark.parametrize(
    ("duration", "renewals"), [("once", [900, 900]), ("forever", [450, 450]), ("repeating", [450, 900])]
)
def test_discount_applies_for_its_duration(sandbox: Sandbox, duration: str, renewals: list[int]) -> None:
    months = {"duration_in_months": 2} if duration == "repeating" else {}
    create_code(sandbox, "HALF", percent_off=50, duration=duration, **months)
    session = open_session(sandbox, 900, "month", allow_promotion_codes=True)
    apply_code(session, "HALF")
    pay(Client(), session)
    invoice = retrieve_invoice(sandbox, session)
    assert (invoice.subtotal, invoice.total, invoice.amount_paid) == (900, 450, 450)
    assert [row.amount for row in invoice.total_discount_amounts] == [450]
    assert len(sandbox.events("customer.discount.created")) == 1
    paid = []
    for _ in range(2):
        panel_actions.advance_to_renewal(str(retrieve_session(sandbox, session).subscription))
        paid.append(storage.find("invoice")[0]["amount_paid"])
    assert paid == renewals


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"percent_off": 101},
        {"percent_off": 10, "amount_off": 5, "currency": "usd"},
        {"amount_off": 500},
        {"percent_off": 10, "duration": "repeating"},
        {"percent_off": 10, "redeem_by": 5},
    ],
)
def test_invalid_coupon_is_rejected(sandbox: Sandbox, params: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        sandbox.client.v1.coupons.create(params)


# --- tax --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("behavior", "expected"), [("exclusive", (1900, 0, 190, 2090)), ("inclusive", (1900, 0, 173, 1900))]
)
def test_tax_is_computed_and_paid(
    sandbox: Sandbox, behavior: str, expected: tuple[int, int, int, int]
) -> None:
    price: Any = {
        "currency": "usd",
        "unit_amount": 1900,
        "tax_behavior": behavior,
        "product": sandbox.product().id,
    }
    line: Any = {"price": sandbox.client.v1.prices.create(price).id, "quantity": 1}
    session = open_session(
        sandbox, line_items=[line], automatic_tax={"enabled": True}, invoice_creation={"enabled": True}
    )
    assert amounts(session) == expected
    assert session.automatic_tax.status == "complete"
    assert "Tax (10%" in Client().get(page(session)).content.decode()
    pay(Client(), session)
    invoice = retrieve_invoice(sandbox, session)
    assert (invoice.subtotal, invoice.total, invoice.total_taxes[0].amount) == (
        1900,
        expected[3],
        expected[2],
    )
    assert invoice.total_excluding_tax == expected[3] - expected[2]


def test_tax_applies_after_discount_and_to_renewals(sandbox: Sandbox) -> None:
    create_code(sandbox, "HALF", percent_off=50)
    session = open_session(sandbox, 900, "month", allow_promotion_codes=True, automatic_tax={"enabled": True})
    apply_code(session, "HALF")
    assert amounts(retrieve_session(sandbox, session)) == (900, 450, 45, 495)
    pay(Client(), session)
    assert retrieve_invoice(sandbox, session).amount_paid == 495
    panel_actions.advance_to_renewal(str(retrieve_session(sandbox, session).subscription))
    assert storage.find("invoice")[0]["amount_paid"] == 990


def test_existing_customer_needs_an_address_for_tax(sandbox: Sandbox) -> None:
    customer = sandbox.client.v1.customers.create({"email": "ada@example.com"}).id
    with pytest.raises(stripe.InvalidRequestError) as raised:
        open_session(sandbox, customer=customer, automatic_tax={"enabled": True})
    assert raised.value.code == "customer_tax_location_invalid"
    auto = {"address": "auto", "name": "auto"}
    open_session(sandbox, customer=customer, automatic_tax={"enabled": True}, customer_update=auto)
    with pytest.raises(stripe.InvalidRequestError):
        open_session(sandbox, customer=customer, tax_id_collection={"enabled": True})


def test_tax_id_is_saved(sandbox: Sandbox) -> None:
    session = open_session(sandbox, tax_id_collection={"enabled": True}, invoice_creation={"enabled": True})
    wrong = pay(Client(), session, taxId="12")
    assert field_errors(wrong.content.decode()) == ["Your tax ID is invalid."]
    pay(Client(), session, taxId="DE123456789", businessName="Ada & Co")
    details: Any = retrieve_session(sandbox, session).customer_details
    assert (details.business_name, details.tax_ids[0].type) == ("Ada & Co", "eu_vat")
    assert retrieve_invoice(sandbox, session).customer_tax_ids[0].value == "DE123456789"


# --- invoices of one-time sales ---------------------------------------------------------------------------


def test_one_time_payment_with_invoice(sandbox: Sandbox) -> None:
    invoice_creation = {"enabled": True, "invoice_data": {"footer": "Thanks", "metadata": {"order": "7"}}}
    session = open_session(sandbox, invoice_creation=invoice_creation)
    pay(Client(), session)
    session = retrieve_session(sandbox, session)
    invoice = retrieve_invoice(sandbox, session)
    assert (invoice.status, invoice.amount_paid, invoice.parent) == ("paid", 1900, None)
    assert (invoice.footer, invoice.metadata["order"], invoice.customer) == ("Thanks", "7", session.customer)
    assert invoice.payments.data[0].payment.payment_intent == session.payment_intent
    assert invoice.lines.data[0].parent.type == "invoice_item_details"
    events = [event["type"] for event in sandbox.events("invoice*")]
    assert events == [
        "invoice.created",
        "invoice.finalized",
        "invoice.paid",
        "invoice.payment_succeeded",
        "invoice_payment.paid",
    ]
    (completed,) = sandbox.events("checkout.session.completed")
    assert completed["data"]["object"]["invoice"] == invoice.id


def test_invoice_is_created_after_bank_debit_succeeds(sandbox: Sandbox) -> None:
    session = euro_session(sandbox, invoice_creation={"enabled": True})
    pay_by_debit(session, ibans.TABLE[0].number)
    assert retrieve_session(sandbox, session).invoice is None
    scheduled_actions.run_due(time.time() + 60)
    assert retrieve_invoice(sandbox, session).status == "paid"


def test_first_invoice_contains_setup_fee(sandbox: Sandbox) -> None:
    monthly = sandbox.product("Club", 900, recurring={"interval": "month"}).default_price
    fee = sandbox.product("Setup", 2000).default_price
    lines: Any = [{"price": str(price), "quantity": 1} for price in (monthly, fee)]
    session = open_session(sandbox, line_items=lines, mode="subscription")
    pay(Client(), session)
    invoice = retrieve_invoice(sandbox, session)
    assert (invoice.total, [line.amount for line in invoice.lines.data]) == (2900, [900, 2000])
    intent: Any = sandbox.client.v1.payment_intents.list().data[0]
    assert intent.amount_received == 2900


def test_empty_coupon_parameter_counts_as_none(sandbox: Sandbox) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="currency"):
        sandbox.client.v1.coupons.create({"amount_off": 100, "currency": ""})
    assert sandbox.client.v1.coupons.create({"percent_off": 5, "name": ""}).name is None


# --- discounts of a running subscription ------------------------------------------------------------------


def test_running_subscription_gets_a_discount(sandbox: Sandbox) -> None:
    v1 = sandbox.client.v1
    subscriber = Subscriber(sandbox, "2031-04-01")
    half = v1.coupons.create({"percent_off": 50, "duration": "forever"}).id
    (discount,) = subscriber.update(discounts=[{"coupon": half}]).discounts
    assert v1.coupons.retrieve(half).times_redeemed == 1
    assert v1.invoices.create_preview({"subscription": subscriber.id}).amount_due == 450
    subscriber.advance("2031-05-02")
    assert subscriber.invoices[-1].amount_paid == 450
    assert subscriber.update(discounts=[{"discount": discount}]).discounts == [discount]
    assert subscriber.update(discounts="").discounts == []
    subscriber.advance("2031-06-02")
    assert subscriber.invoices[-1].amount_paid == 900
    kinds = [event["type"] for event in sandbox.events() if "discount" in event["type"]]
    assert kinds == ["customer.discount.created", "customer.discount.deleted"]


def test_promotion_code_replaces_discount_of_subscription(sandbox: Sandbox) -> None:
    v1 = sandbox.client.v1
    price = sandbox.product("Club", 900, recurring={"interval": "month"}).default_price
    customer = v1.customers.create({}).id
    method = v1.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    coupon = v1.coupons.create({"amount_off": 100, "currency": "usd", "duration": "once"}).id
    params: Any = {
        "customer": customer,
        "items": [{"price": price}],
        "default_payment_method": method,
        "discounts": [{"coupon": coupon}],
        "expand": ["latest_invoice"],
    }
    subscription = v1.subscriptions.create(params)
    assert subscription.latest_invoice.amount_paid == 800  # type: ignore[union-attr]
    code = create_code(sandbox, "HALF", percent_off=50)
    changed: Any = {"discounts": [{"promotion_code": code.id}], "expand": ["discounts"]}
    (discount,) = v1.subscriptions.update(subscription.id, changed).discounts
    assert discount.promotion_code == code.id  # type: ignore[union-attr]
    assert v1.promotion_codes.retrieve(code.id).times_redeemed == 1


@pytest.mark.parametrize(
    "rows",
    [
        [{"coupon": "nothing"}],
        [{"coupon": "EURO"}],
        [{"discount": "di_1"}],
        [{"coupon": "HALF", "promotion_code": "promo_1"}],
        [{"coupon": "HALF"}, {"coupon": "HALF"}],
    ],
)
def test_invalid_discount_of_subscription_is_rejected(sandbox: Sandbox, rows: Any) -> None:
    subscriber = Subscriber(sandbox)
    sandbox.client.v1.coupons.create({"id": "HALF", "percent_off": 50})
    sandbox.client.v1.coupons.create({"id": "EURO", "amount_off": 100, "currency": "eur"})
    with pytest.raises(stripe.InvalidRequestError):
        subscriber.update(discounts=rows)
    assert subscriber.now.discounts == []
