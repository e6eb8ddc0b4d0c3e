"""Sessions without `customer`. https://docs.stripe.com/payments/checkout/guest-customers"""

from __future__ import annotations

import re
from typing import Any

import pytest
import stripe
from django.test import Client
from test_bank_debit import open_session as open_debit_session
from test_bank_debit import pay as pay_by_debit
from test_checkout_page import (
    CHALLENGED_CARDS,
    DECLINED_CARDS,
    complete_challenge,
    field_errors,
    get_only_intent,
    open_session,
    page,
    pay,
    retrieve_session,
    types,
)

from stripe_sandbox import ibans
from stripe_sandbox.hosted import payment
from stripe_sandbox.testing import Sandbox

ALWAYS = {"customer_creation": "always"}
IF_REQUIRED = {"customer_creation": "if_required"}
ONE_TIME_CHARGE = ["charge.succeeded", "payment_intent.succeeded", "checkout.session.completed"]


@pytest.fixture
def buyer() -> Client:
    return Client()


def list_customers(sandbox: Sandbox) -> list[stripe.Customer]:
    return sandbox.client.v1.customers.list().data


def get_event_object(sandbox: Sandbox, event: str) -> Any:
    (found,) = sandbox.events(event)
    return found["data"]["object"]


# --- create -----------------------------------------------------------------------------------------------


def test_payment_session_creates_customers_only_on_request(sandbox: Sandbox) -> None:
    assert open_session(sandbox).customer_creation == "if_required"
    assert open_session(sandbox, **ALWAYS).customer_creation == "always"
    known = sandbox.client.v1.customers.create({"email": "ada@example.com"}).id
    assert open_session(sandbox, customer=known).customer_creation is None


@pytest.mark.parametrize("value", ["always", "if_required"])
def test_customer_creation_in_subscription_mode_is_refused(sandbox: Sandbox, value: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        open_session(sandbox, 900, "month", customer_creation=value)
    assert caught.value.param == "customer_creation"


@pytest.mark.parametrize("params", [ALWAYS, IF_REQUIRED, {"customer_email": "ada@example.com"}])
def test_customer_excludes_what_describes_a_new_one(sandbox: Sandbox, params: Any) -> None:
    known = sandbox.client.v1.customers.create({"email": "ada@example.com"}).id
    with pytest.raises(stripe.InvalidRequestError):
        open_session(sandbox, customer=known, **params)


# --- e-mail address on the page ---------------------------------------------------------------------------


def test_page_asks_for_the_email_before_the_card(sandbox: Sandbox, buyer: Client) -> None:
    html = buyer.get(page(open_session(sandbox))).content.decode()
    field = re.search(r'<input[^>]+id="email"[^>]*>', html)
    assert field is not None
    assert 'type="email"' in field[0]
    assert 'autocomplete="email"' in field[0]
    assert "readonly" not in field[0]
    assert '<label class="Box-label" for="email">Email</label>' in html
    assert html.index('id="email"') < html.index('id="cardNumber"')


def test_page_has_the_fields_of_stripes_page(sandbox: Sandbox, buyer: Client) -> None:
    html = buyer.get(page(open_session(sandbox))).content.decode()
    form = html[
        html.index('<form class="PaymentForm-form"') : html.index("</form>", html.index('id="email"'))
    ]
    fields = re.findall(r'<(?:input|select) class="Box-input" id="(\w+)"', form)
    assert fields == [
        "email",
        "cardNumber",
        "cardExpiry",
        "cardCvc",
        "billingName",
        "billingCountry",
        "billingPostalCode",
    ]


@pytest.mark.parametrize(
    ("email", "error"),
    [
        ("", "Required"),
        ("   ", "Required"),
        ("ada", "Your email is invalid."),
        ("ada@example", "Your email is invalid."),
        ("ada@example.com, bob@example.com", "Your email is invalid."),
    ],
)
def test_email_is_required_and_validated(sandbox: Sandbox, buyer: Client, email: str, error: str) -> None:
    session = open_session(sandbox, **ALWAYS)
    assert field_errors(pay(buyer, session, email=email).content.decode()) == [error]
    assert (list_customers(sandbox), types(sandbox)) == ([], [])


@pytest.mark.parametrize("interval", ["", "month"])
def test_customer_email_cannot_be_edited(sandbox: Sandbox, buyer: Client, interval: str) -> None:
    params = {} if interval else ALWAYS
    session = open_session(sandbox, 900, interval, customer_email="ada@example.com", **params)
    assert session.customer_details is not None
    assert session.customer_details.email == "ada@example.com"
    html = buyer.get(page(session)).content.decode()
    assert re.search(r'id="email"[^>]+value="ada@example.com"[^>]* readonly', html)
    pay(buyer, session, email="eve@example.com")
    session = retrieve_session(sandbox, session, "customer")
    assert session.customer_details is not None
    assert session.customer_details.email == "ada@example.com"
    assert session.customer.email == "ada@example.com"  # type: ignore[union-attr]
    assert session.customer_email == "ada@example.com"


# --- completion -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("params", [{}, IF_REQUIRED])
def test_guest_has_no_customer(sandbox: Sandbox, buyer: Client, params: Any) -> None:
    session = open_session(sandbox, **params)
    pay(buyer, session)
    paid: Any = retrieve_session(sandbox, session, "payment_intent.latest_charge")
    assert (paid.customer, paid.customer_email) == (None, None)
    details = paid.customer_details
    assert (details.email, details.name, details.phone) == ("ada@example.com", "Ada Lovelace", None)
    assert (details.address.country, details.address.postal_code) == ("US", "10001")
    intent, charge = paid.payment_intent, paid.payment_intent.latest_charge
    assert (intent.customer, charge.customer) == (None, None)
    assert (charge.billing_details.email, charge.billing_details.name) == ("ada@example.com", "Ada Lovelace")
    assert (intent.receipt_email, charge.receipt_email) == (None, None)
    assert sandbox.client.v1.payment_methods.retrieve(intent.payment_method).customer is None
    assert list_customers(sandbox) == []
    assert types(sandbox) == ["payment_intent.created", *ONE_TIME_CHARGE]
    assert get_event_object(sandbox, "checkout.session.completed")["customer"] is None


def test_customer_is_created_before_everything_else(sandbox: Sandbox, buyer: Client) -> None:
    session = open_session(sandbox, **ALWAYS)
    assert session.customer is None
    pay(buyer, session)
    (customer,) = list_customers(sandbox)
    assert (customer.email, customer.name) == ("ada@example.com", "Ada Lovelace")
    assert customer.address is not None
    assert customer.address.postal_code == "10001"
    assert types(sandbox) == ["customer.created", "payment_intent.created", *ONE_TIME_CHARGE]
    assert get_event_object(sandbox, "customer.created")["id"] == customer.id
    for event in ("payment_intent.created", *ONE_TIME_CHARGE):
        assert get_event_object(sandbox, event)["customer"] == customer.id, event


def test_subscription_creates_a_customer(sandbox: Sandbox, buyer: Client) -> None:
    session = open_session(sandbox, 900, "month")
    pay(buyer, session)
    paid: Any = retrieve_session(sandbox, session, "subscription", "invoice")
    (customer,) = list_customers(sandbox)
    assert (customer.email, customer.name) == ("ada@example.com", "Ada Lovelace")
    assert paid.customer == paid.subscription.customer == paid.invoice.customer == customer.id
    assert (paid.invoice.customer_email, paid.invoice.customer_name) == ("ada@example.com", "Ada Lovelace")
    assert types(sandbox)[:2] == ["customer.created", "payment_intent.created"]


def test_invoice_creation_creates_a_customer(sandbox: Sandbox, buyer: Client) -> None:
    session = open_session(sandbox, invoice_creation={"enabled": True})
    pay(buyer, session)
    paid: Any = retrieve_session(sandbox, session, "invoice")
    assert paid.customer == paid.invoice.customer == list_customers(sandbox)[0].id
    assert paid.invoice.customer_email == "ada@example.com"


def test_each_session_creates_its_own_customer(sandbox: Sandbox, buyer: Client) -> None:
    for _ in range(2):
        pay(buyer, open_session(sandbox, **ALWAYS))
    first, second = list_customers(sandbox)
    assert (first.email, second.email) == ("ada@example.com", "ada@example.com")


@pytest.mark.parametrize("params", [ALWAYS, IF_REQUIRED])
def test_free_order_creates_a_customer_on_request(sandbox: Sandbox, buyer: Client, params: Any) -> None:
    session = open_session(sandbox, 0, **params)
    assert buyer.post(page(session), {"email": "ada@example.com"}).status_code == 303
    paid = retrieve_session(sandbox, session)
    assert paid.customer_details is not None
    assert (paid.customer_details.email, paid.customer_details.name) == ("ada@example.com", None)
    customers = list_customers(sandbox)
    assert [(customer.email, customer.name, customer.address) for customer in customers] == (
        [("ada@example.com", None, None)] if params == ALWAYS else []
    )
    assert paid.customer == (customers[0].id if customers else None)


def test_trial_without_a_card_creates_a_customer(sandbox: Sandbox, buyer: Client) -> None:
    params = {
        "payment_method_collection": "if_required",
        "subscription_data": {"trial_period_days": 7},
    }
    session = open_session(sandbox, 900, "month", **params)
    assert buyer.post(page(session), {"email": "ada@example.com"}).status_code == 303
    paid: Any = retrieve_session(sandbox, session, "subscription")
    (customer,) = list_customers(sandbox)
    assert paid.customer == paid.subscription.customer == customer.id
    assert (customer.email, paid.subscription.status) == ("ada@example.com", "trialing")
    assert types(sandbox)[0] == "customer.created"


def test_trial_with_a_card_creates_the_customer_first(sandbox: Sandbox, buyer: Client) -> None:
    session = open_session(sandbox, 900, "month", subscription_data={"trial_period_days": 7})
    pay(buyer, session)
    (customer,) = list_customers(sandbox)
    assert types(sandbox)[:3] == ["customer.created", "setup_intent.created", "setup_intent.succeeded"]
    for event in ("setup_intent.created", "setup_intent.succeeded", "payment_method.attached"):
        assert get_event_object(sandbox, event)["customer"] == customer.id, event


# --- attempts ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("interval", ["", "month"])
def test_declined_card_keeps_one_customer(sandbox: Sandbox, buyer: Client, interval: str) -> None:
    session = open_session(sandbox, 900, interval, **({} if interval else ALWAYS))
    pay(buyer, session, DECLINED_CARDS[0], email="mistyped@example.com")
    (customer,) = list_customers(sandbox)
    assert get_only_intent(sandbox).customer == customer.id
    assert get_event_object(sandbox, "charge.failed")["billing_details"]["email"] == "mistyped@example.com"
    html = buyer.get(page(session)).content.decode()
    assert re.search(r'id="email"[^>]+value="mistyped@example.com"', html)
    assert not re.search(r'id="email"[^>]+readonly', html)

    pay(buyer, session)
    paid = retrieve_session(sandbox, session)
    (after,) = list_customers(sandbox)
    assert (paid.customer, after.id, after.email) == (customer.id, customer.id, "ada@example.com")
    assert paid.customer_details is not None
    assert paid.customer_details.email == "ada@example.com"
    previous = sandbox.events("customer.updated")[0]["data"]["previous_attributes"]
    assert previous == {"email": "mistyped@example.com"}


def test_declined_guest_has_no_customer(sandbox: Sandbox, buyer: Client) -> None:
    session = open_session(sandbox)
    pay(buyer, session, DECLINED_CARDS[0])
    assert retrieve_session(sandbox, session).customer_details is None
    pay(buyer, session)
    assert (list_customers(sandbox), get_only_intent(sandbox).customer) == ([], None)


def test_customer_deleted_between_attempts_is_replaced(sandbox: Sandbox, buyer: Client) -> None:
    session = open_session(sandbox, **ALWAYS)
    pay(buyer, session, DECLINED_CARDS[0])
    (first,) = list_customers(sandbox)
    sandbox.client.v1.customers.delete(first.id)
    pay(buyer, session)
    (second,) = list_customers(sandbox)
    assert second.id != first.id
    assert retrieve_session(sandbox, session).customer == second.id
    assert get_only_intent(sandbox).customer == second.id


@pytest.mark.parametrize("outcome", ["complete", "fail"])
@pytest.mark.parametrize("params", [ALWAYS, IF_REQUIRED])
def test_customer_is_created_before_three_d_secure(
    sandbox: Sandbox, buyer: Client, params: Any, outcome: str
) -> None:
    session = open_session(sandbox, **params)
    pay(buyer, session, CHALLENGED_CARDS[0])
    customers = [customer.id for customer in list_customers(sandbox)]
    assert len(customers) == (params == ALWAYS)
    complete_challenge(buyer, session, outcome)
    if outcome == "fail":
        pay(buyer, session)
    paid = retrieve_session(sandbox, session)
    assert [customer.id for customer in list_customers(sandbox)] == customers
    assert paid.customer == (customers[0] if customers else None)
    assert paid.customer_details is not None
    assert paid.customer_details.email == "ada@example.com"


@pytest.mark.parametrize("params", [ALWAYS, IF_REQUIRED])
@pytest.mark.parametrize("account", ibans.TABLE[:2])
def test_bank_debit_creates_a_customer_on_request(
    sandbox: Sandbox, params: Any, account: ibans.Account
) -> None:
    session = open_debit_session(sandbox, **params)
    pay_by_debit(session, account.formatted_number)
    paid: Any = retrieve_session(sandbox, session, "payment_intent.latest_charge")
    customers = [customer.id for customer in list_customers(sandbox)]
    expected = customers[0] if params == ALWAYS else None
    assert (paid.payment_status, len(customers)) == ("unpaid", params == ALWAYS)
    assert paid.customer == paid.payment_intent.customer == expected
    assert paid.payment_intent.latest_charge.customer == expected
    assert (paid.customer_details.email, paid.customer_details.name) == ("ada@example.com", "Ada Lovelace")
    assert paid.payment_intent.latest_charge.billing_details.email == "ada@example.com"
    before = ["customer.created"] if customers else []
    assert types(sandbox) == [
        *before,
        "payment_intent.created",
        "charge.pending",
        "payment_intent.processing",
        "checkout.session.completed",
    ]


def test_late_payment_gets_its_customer_when_it_completes(sandbox: Sandbox, buyer: Client) -> None:
    sandbox.switches(late_seconds=60)
    session = open_session(sandbox, **ALWAYS)
    pay(buyer, session)
    (customer,) = list_customers(sandbox)
    assert retrieve_session(sandbox, session).customer is None
    payment.complete_due(2**40)
    assert retrieve_session(sandbox, session).customer == customer.id


# --- what a guest cannot do -------------------------------------------------------------------------------


def test_setup_future_usage_of_a_guest_can_be_attached_later(sandbox: Sandbox, buyer: Client) -> None:
    """https://docs.stripe.com/api/checkout/sessions/create#create_checkout_session-payment_intent_data-setup_future_usage"""
    session = open_session(sandbox, payment_intent_data={"setup_future_usage": "off_session"})
    pay(buyer, session)
    method = str(get_only_intent(sandbox).payment_method)
    assert (retrieve_session(sandbox, session).customer, list_customers(sandbox)) == (None, [])
    assert "payment_method.attached" not in types(sandbox)
    customer = sandbox.client.v1.customers.create({"email": "ada@example.com"}).id
    assert sandbox.client.v1.payment_methods.attach(method, {"customer": customer}).customer == customer
    sandbox.client.v1.payment_methods.detach(method)
    with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
        sandbox.client.v1.payment_methods.attach(method, {"customer": customer})


def test_payment_method_of_a_guest_cannot_be_attached(sandbox: Sandbox, buyer: Client) -> None:
    pay(buyer, open_session(sandbox))
    customer = sandbox.client.v1.customers.create({"email": "ada@example.com"}).id
    with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
        sandbox.client.v1.payment_methods.attach(
            str(get_only_intent(sandbox).payment_method), {"customer": customer}
        )


def test_code_for_the_first_purchase_is_invalid_for_guests(sandbox: Sandbox, buyer: Client) -> None:
    v1 = sandbox.client.v1
    coupon = v1.coupons.create({"percent_off": 20}).id
    code = v1.promotion_codes.create(
        {
            "promotion": {"type": "coupon", "coupon": coupon},
            "code": "FIRST",
            "restrictions": {"first_time_transaction": True},
        }
    )
    discounts = [{"promotion_code": code.id}]
    with pytest.raises(stripe.InvalidRequestError) as caught:
        open_session(sandbox, discounts=discounts)
    assert caught.value.param == "discounts[0][promotion_code]"
    assert open_session(sandbox, discounts=discounts, **ALWAYS).amount_total == 1520

    guest = open_session(sandbox, allow_promotion_codes=True)
    html = buyer.post(page(guest), {"promotionCode": "FIRST"}).content.decode()
    assert "This code is invalid." in html
    new_customer = open_session(sandbox, allow_promotion_codes=True, **ALWAYS)
    buyer.post(page(new_customer), {"promotionCode": "FIRST"})
    assert retrieve_session(sandbox, new_customer).amount_total == 1520


# --- an existing customer without a valid e-mail address ----------------------------------------------------


def test_email_is_set_on_a_customer_that_has_none(sandbox: Sandbox, buyer: Client) -> None:
    customer = sandbox.client.v1.customers.create({"name": "Ada"}).id
    session = open_session(sandbox, customer=customer)
    assert not re.search(r'id="email"[^>]+readonly', buyer.get(page(session)).content.decode())
    pay(buyer, session)
    after = sandbox.client.v1.customers.retrieve(customer)
    assert (after.email, after.name) == ("ada@example.com", "Ada")
    assert sandbox.events("customer.updated")[0]["data"]["previous_attributes"] == {"email": None}
