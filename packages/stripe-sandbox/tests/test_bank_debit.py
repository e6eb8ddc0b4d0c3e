from __future__ import annotations

import html
import time
from typing import Any

import pytest
import stripe
from django.test import Client
from test_checkout_page import SUCCESS, field_errors, page
from test_panel import press

from stripe_sandbox import ibans, scheduled_actions
from stripe_sandbox.testing import Sandbox

SUCCESS_ACCOUNT, FAILURE_ACCOUNT, SLOW_SUCCESS, SLOW_FAILURE = ibans.TABLE


def open_session(sandbox: Sandbox, currency: str = "eur", **params: Any) -> stripe.checkout.Session:
    recurring = {"recurring": {"interval": "month"}} if params.get("mode") == "subscription" else {}
    price = sandbox.product(amount=2400, currency=currency, **recurring).default_price
    line: Any = {"price": str(price), "quantity": 1}
    base: Any = {"mode": "payment", "line_items": [line], "success_url": SUCCESS}
    return sandbox.client.v1.checkout.sessions.create(base | params)


def pay(session: stripe.checkout.Session, iban: str, **changes: str) -> Any:
    form = {
        "email": "ada@example.com",
        "paymentMethod": "sepa_debit",
        "iban": iban,
        "billingName": "Ada Lovelace",
        "billingCountry": "AT",
    }
    return Client().post(page(session), form | changes)


def retrieve_session(sandbox: Sandbox, session: stripe.checkout.Session) -> Any:
    return sandbox.client.v1.checkout.sessions.retrieve(
        session.id, {"expand": ["payment_intent.latest_charge"]}
    )


def types(sandbox: Sandbox) -> list[str]:
    return [
        event["type"] for event in sandbox.events() if not event["type"].startswith(("product.", "price."))
    ]


def test_session_completes_unpaid_before_the_bank_responds(sandbox: Sandbox) -> None:
    session = open_session(sandbox)
    assert session.payment_method_types == ["card", "sepa_debit"]
    response = pay(session, SUCCESS_ACCOUNT.formatted_number)
    assert response["Location"] == SUCCESS.replace("{CHECKOUT_SESSION_ID}", session.id)
    now = retrieve_session(sandbox, session)
    assert (now.status, now.payment_status, now.payment_intent.status) == ("complete", "unpaid", "processing")
    charge = now.payment_intent.latest_charge
    assert (charge.status, charge.paid, charge.id[:3]) == ("pending", False, "py_")
    assert charge.payment_method_details.sepa_debit.last4 == "3201"
    assert types(sandbox) == [
        "payment_intent.created",
        "charge.pending",
        "payment_intent.processing",
        "checkout.session.completed",
    ]


def test_successful_debit_marks_session_paid(sandbox: Sandbox) -> None:
    session = open_session(sandbox)
    pay(session, SUCCESS_ACCOUNT.number)
    assert scheduled_actions.run_due() == 0
    scheduled_actions.run_due(time.time() + ibans.FAST_SECONDS + 1)
    now = retrieve_session(sandbox, session)
    assert (now.payment_status, now.payment_intent.status) == ("paid", "succeeded")
    assert now.payment_intent.amount_received == 2400
    assert (now.payment_intent.latest_charge.status, now.payment_intent.latest_charge.paid) == (
        "succeeded",
        True,
    )
    assert types(sandbox)[4:] == [
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.async_payment_succeeded",
    ]
    receipt = Client().get(now.payment_intent.latest_charge.receipt_url.replace("http://testserver", ""))
    assert "SEPA debit •••• 3201" in receipt.content.decode()
    assert sandbox.client.v1.refunds.create({"payment_intent": now.payment_intent.id}).status == "succeeded"


def test_failed_debit_leaves_session_unpaid(sandbox: Sandbox) -> None:
    session = open_session(sandbox)
    pay(session, FAILURE_ACCOUNT.number)
    scheduled_actions.run_due(time.time() + ibans.FAST_SECONDS + 1)
    now = retrieve_session(sandbox, session)
    assert (now.status, now.payment_status) == ("complete", "unpaid")
    assert now.payment_intent.status == "requires_payment_method"
    assert now.payment_intent.last_payment_error.message
    assert (now.payment_intent.latest_charge.status, now.payment_intent.latest_charge.paid) == (
        "failed",
        False,
    )
    assert types(sandbox)[4:] == [
        "charge.failed",
        "payment_intent.payment_failed",
        "checkout.session.async_payment_failed",
    ]


@pytest.mark.parametrize(("account", "status"), [(SLOW_SUCCESS, "paid"), (SLOW_FAILURE, "unpaid")])
def test_slow_accounts_respond_after_three_minutes(
    sandbox: Sandbox, account: ibans.Account, status: str
) -> None:
    session = open_session(sandbox)
    pay(session, account.number)
    assert scheduled_actions.run_due(time.time() + 170) == 0
    assert scheduled_actions.run_due(time.time() + 181) == 1
    assert retrieve_session(sandbox, session).payment_status == status


@pytest.mark.parametrize(("action", "status"), [("bank_pays", "paid"), ("bank_refuses", "unpaid")])
def test_panel_triggers_bank_response(sandbox: Sandbox, settings: Any, action: str, status: str) -> None:
    settings.DEBUG = True
    session = open_session(sandbox)
    pay(session, SLOW_FAILURE.number)
    assert press(Client(), session.id, action).status_code == 302
    assert retrieve_session(sandbox, session).payment_status == status
    assert press(Client(), session.id, action).status_code == 422
    assert scheduled_actions.run_due(time.time() + 999) == 0


@pytest.mark.parametrize(
    ("iban", "message"),
    [
        ("", "Required"),
        ("AT611904300234573202", "The IBAN you entered is invalid."),
        ("DE89370400440532013000", "The sandbox accepts test accounts only. See the list of test accounts."),
    ],
)
def test_invalid_ibans_are_rejected(sandbox: Sandbox, iban: str, message: str) -> None:
    session = open_session(sandbox)
    assert field_errors(pay(session, iban).content.decode()) == [message]
    assert retrieve_session(sandbox, session).status == "open"


@pytest.mark.parametrize(
    ("params", "methods"),
    [
        ({}, ["card", "sepa_debit"]),
        ({"currency": "usd"}, ["card"]),
        ({"mode": "subscription"}, ["card"]),
        ({"allowed_payment_method_types": ["sepa_debit"]}, ["sepa_debit"]),
        ({"excluded_payment_method_types": ["sepa_debit"]}, ["card"]),
    ],
)
def test_sepa_debit_is_available_for_euro_payments(
    sandbox: Sandbox, params: dict[str, Any], methods: list[str]
) -> None:
    session = open_session(sandbox, **params)
    assert session.payment_method_types == methods
    page_html = html.unescape(Client().get(page(session)).content.decode())
    for method in ("card", "sepa_debit"):
        assert (f'data-testid="{method}-accordion-item"' in page_html) == (method in methods)
    assert page_html.count('id="billingName"') == 1
    if "sepa_debit" not in methods:  # a forged POST does not enable it
        pay(session, SUCCESS_ACCOUNT.number)
        assert retrieve_session(sandbox, session).status == "open"


def test_excluding_all_payment_methods_is_an_error(sandbox: Sandbox) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="No payment method is left"):
        open_session(sandbox, "usd", allowed_payment_method_types=["sepa_debit"])


def test_test_account_link_works_without_javascript(sandbox: Sandbox) -> None:
    page_html = Client().get(page(open_session(sandbox)), {"iban": SUCCESS_ACCOUNT.number}).content.decode()
    assert f'value="{SUCCESS_ACCOUNT.number}"' in page_html
    assert 'value="sepa_debit" checked' in page_html
