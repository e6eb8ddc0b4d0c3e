from __future__ import annotations

import re
import threading
from typing import Any

import pytest
import stripe
from django.test import Client

from stripe_sandbox import card_numbers, cards, clock, storage
from stripe_sandbox.hosted import payment
from stripe_sandbox.resources import checkout_sessions
from stripe_sandbox.testing import Sandbox

VISA = cards.TABLE[0]
SUCCESS = "https://shop.example/thanks?session_id={CHECKOUT_SESSION_ID}"
SUCCESSFUL_CARDS = [card for card in cards.TABLE if not card.decline and not card.challenge]
DECLINED_CARDS = [card for card in cards.TABLE if card.decline and not card.challenge]
CHALLENGED_CARDS = [card for card in cards.TABLE if card.challenge]


def number(card: cards.Card) -> str:
    return card.number


@pytest.fixture
def buyer() -> Client:
    return Client()


def open_session(
    sandbox: Sandbox, amount: int = 1900, interval: str = "", **params: Any
) -> stripe.checkout.Session:
    more = {"recurring": {"interval": interval}} if interval else {}
    price = sandbox.product(amount=amount, **more).default_price
    return sandbox.client.v1.checkout.sessions.create(
        {
            "mode": "subscription" if interval else "payment",
            "line_items": [{"price": str(price), "quantity": 1}],
            "success_url": SUCCESS,
            "cancel_url": "https://shop.example/cart",
            **params,
        }
    )


def page(session: stripe.checkout.Session) -> str:
    return f"/stripe-sandbox/checkout/{session.id}"


def pay(client: Client, session: stripe.checkout.Session, card: cards.Card = VISA, **changes: str) -> Any:
    form = {
        "email": "ada@example.com",
        "cardNumber": card.formatted_number,
        "cardExpiry": "12 / 34",
        "cardCvc": "1234"[: card_numbers.cvc_length(card.number)],
        "billingName": "Ada Lovelace",
        "billingCountry": "US",
        "billingPostalCode": "10001",
    }
    return client.post(page(session), form | changes)


def complete_challenge(client: Client, session: stripe.checkout.Session, outcome: str) -> Any:
    return client.post(f"{page(session)}/authenticate", {"outcome": outcome})


def field_errors(html: str) -> list[str]:
    found = re.findall(r'class="FieldError"[^>]*><span[^>]*>([^<]+)', html)
    return [text.replace("&#x27;", "'") for text in found]


def retrieve_session(
    sandbox: Sandbox, session: stripe.checkout.Session, *expand: str
) -> stripe.checkout.Session:
    return sandbox.client.v1.checkout.sessions.retrieve(session.id, {"expand": list(expand)})


def types(sandbox: Sandbox) -> list[str]:
    """Return event types since the catalogue was created, oldest first."""
    return [
        event["type"] for event in sandbox.events() if not event["type"].startswith(("product.", "price."))
    ]


def get_only_intent(sandbox: Sandbox) -> stripe.PaymentIntent:
    """Return the only payment intent."""
    (found,) = sandbox.client.v1.payment_intents.list().data
    return found


# --- one-time payments ------------------------------------------------------------------------------------


@pytest.mark.parametrize("card", SUCCESSFUL_CARDS, ids=number)
def test_successful_card_completes_session(sandbox: Sandbox, buyer: Client, card: cards.Card) -> None:
    session = open_session(sandbox, payment_intent_data={"metadata": {"order": "7"}})
    response = pay(buyer, session, card)
    assert response.status_code == 303
    assert response["Location"] == SUCCESS.replace("{CHECKOUT_SESSION_ID}", session.id)

    session = retrieve_session(sandbox, session, "payment_intent.latest_charge")
    assert (session.status, session.payment_status, session.url) == ("complete", "paid", None)
    assert session.customer_details is not None
    assert (session.customer_details.email, session.customer_details.name) == (
        "ada@example.com",
        "Ada Lovelace",
    )
    assert session.customer_details.address is not None
    assert session.customer_details.address.postal_code == "10001"

    intent: Any = session.payment_intent
    assert (intent.status, intent.amount_received, intent.last_payment_error) == ("succeeded", 1900, None)
    assert intent.metadata["order"] == "7"
    charge = intent.latest_charge
    assert (charge.status, charge.paid, charge.amount, charge.amount_refunded) == ("succeeded", True, 1900, 0)
    card_details = charge.payment_method_details.card
    assert (card_details.brand, card_details.last4, card_details.funding) == (
        card.brand,
        card.last4,
        card.funding,
    )
    assert (card_details.exp_month, card_details.exp_year) == (12, 2034)
    assert cards.find_by_fingerprint(card_details.fingerprint).follow_up == card.follow_up
    assert types(sandbox) == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.completed",
    ]


@pytest.mark.parametrize("card", DECLINED_CARDS, ids=number)
def test_buyer_can_pay_after_declined_card(sandbox: Sandbox, buyer: Client, card: cards.Card) -> None:
    session = open_session(sandbox)
    response = pay(buyer, session, card)
    assert card.decline is not None
    assert field_errors(response.content.decode()) == [card.decline.page_message]

    assert retrieve_session(sandbox, session).status == "open"
    intent = get_only_intent(sandbox)
    assert intent.status == "requires_payment_method"
    error = intent.last_payment_error
    assert error is not None
    assert (error.code, error.message) == (card.decline.code, card.decline.message)
    assert error.decline_code == card.decline.decline_code
    assert (error.type, error.charge) == ("card_error", intent.latest_charge)
    charge = sandbox.client.v1.charges.retrieve(str(intent.latest_charge))
    assert (charge.status, charge.paid, charge.failure_code) == ("failed", False, card.decline.code)
    assert charge.outcome is not None
    assert charge.outcome.type == card.decline.outcome
    assert types(sandbox) == ["payment_intent.created", "charge.failed", "payment_intent.payment_failed"]

    assert pay(buyer, session, VISA).status_code == 303
    assert retrieve_session(sandbox, session).payment_intent == intent.id
    assert get_only_intent(sandbox).last_payment_error is None
    assert types(sandbox)[3:] == [
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.completed",
    ]


def test_non_test_card_is_refused(sandbox: Sandbox, buyer: Client) -> None:
    session = open_session(sandbox)
    (text,) = field_errors(pay(buyer, session, cardNumber="4111 1111 1111 1111").content.decode())
    assert text.startswith("Your card was declined. Your request was in test mode")


# --- 3D Secure --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("card", CHALLENGED_CARDS, ids=number)
def test_passed_three_d_secure_completes_the_session(
    sandbox: Sandbox, buyer: Client, card: cards.Card
) -> None:
    session = open_session(sandbox)
    response = pay(buyer, session, card)
    assert response["Location"] == page(session)
    assert get_only_intent(sandbox).status == "requires_action"
    outer = re.search(
        r'<iframe[^>]+src="([^"]*three-ds-2-challenge[^"]*)"', buyer.get(page(session)).content.decode()
    )
    assert outer is not None
    framed = buyer.get(outer[1])
    assert framed["X-Frame-Options"] == "SAMEORIGIN"
    inner = re.search(r'name="stripe-challenge-frame" src="([^"]+)"', framed.content.decode())
    assert inner is not None
    bank = buyer.get(inner[1])
    assert bank["X-Frame-Options"] == "SAMEORIGIN"
    assert 'id="test-source-authorize-3ds"' in bank.content.decode()
    assert 'target="_top"' in bank.content.decode()

    response = complete_challenge(buyer, session, "complete")
    if card.decline:
        back = buyer.get(response["Location"]).content.decode()
        assert field_errors(back) == [card.decline.page_message]
        assert retrieve_session(sandbox, session).status == "open"
        assert types(sandbox)[-2:] == ["charge.failed", "payment_intent.payment_failed"]
        return
    assert response["Location"] == SUCCESS.replace("{CHECKOUT_SESSION_ID}", session.id)
    charge = sandbox.client.v1.charges.retrieve(str(get_only_intent(sandbox).latest_charge))
    details: Any = charge.payment_method_details
    assert details.card.three_d_secure.result == "authenticated"
    assert types(sandbox) == [
        "payment_intent.created",
        "payment_intent.requires_action",
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.completed",
    ]


@pytest.mark.parametrize("card", CHALLENGED_CARDS, ids=number)
def test_failed_three_d_secure_shows_an_error(sandbox: Sandbox, buyer: Client, card: cards.Card) -> None:
    session = open_session(sandbox)
    pay(buyer, session, card)
    response = complete_challenge(buyer, session, "fail")
    assert field_errors(buyer.get(response["Location"]).content.decode()) == [payment.AUTHENTICATION_FAILED]
    intent = get_only_intent(sandbox)
    assert (intent.status, intent.latest_charge) == ("requires_payment_method", None)
    assert intent.last_payment_error is not None
    assert intent.last_payment_error.code == "payment_intent_authentication_failure"
    assert types(sandbox)[-1] == "payment_intent.payment_failed"
    assert pay(buyer, session).status_code == 303
    assert retrieve_session(sandbox, session).status == "complete"


def test_unexpected_3d_secure_response_is_ignored(sandbox: Sandbox, buyer: Client) -> None:
    session = open_session(sandbox)
    assert complete_challenge(buyer, session, "complete")["Location"] == page(session)
    assert (retrieve_session(sandbox, session).status, types(sandbox)) == ("open", [])
    assert "Nothing to confirm" in buyer.get(f"{page(session)}/three-ds-2-challenge/bank/").content.decode()


# --- subscriptions, trials, nothing to pay ----------------------------------------------------------------


def test_subscription_checkout_creates_all_objects(sandbox: Sandbox, buyer: Client) -> None:
    session = open_session(sandbox, 900, "month", subscription_data={"metadata": {"order": "8"}})
    html = buyer.get(page(session)).content.decode()
    assert "Then $9.00 per month" in html
    assert ">Subscribe</span>" in html
    assert pay(buyer, session).status_code == 303

    session = retrieve_session(sandbox, session, "subscription", "invoice.payments", "customer")
    subscription: Any = session.subscription
    assert (session.payment_status, session.payment_intent, subscription.status) == ("paid", None, "active")
    assert subscription.metadata["order"] == "8"
    method = sandbox.client.v1.payment_methods.retrieve(subscription.default_payment_method)
    customer: Any = session.customer
    assert method.customer == customer.id
    assert customer.email == "ada@example.com"
    invoice: Any = session.invoice
    assert (invoice.status, invoice.amount_paid, invoice.billing_reason) == (
        "paid",
        900,
        "subscription_create",
    )
    assert subscription.latest_invoice == invoice.id
    assert invoice.payments.data[0].payment.payment_intent == get_only_intent(sandbox).id
    assert types(sandbox) == [
        "customer.created",
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "payment_method.attached",
        "customer.updated",  # the subscription sets its currency
        "customer.subscription.created",
        "invoice.created",
        "invoice.finalized",
        "invoice.paid",
        "invoice.payment_succeeded",
        "invoice_payment.paid",
        "checkout.session.completed",
    ]


def test_declined_subscription_creates_customer_and_payment_intent_only(
    sandbox: Sandbox, buyer: Client
) -> None:
    session = open_session(sandbox, 900, "month")
    pay(buyer, session, DECLINED_CARDS[0])
    assert sandbox.client.v1.subscriptions.list({"status": "all"}).data == []
    assert types(sandbox) == [
        "customer.created",
        "payment_intent.created",
        "charge.failed",
        "payment_intent.payment_failed",
    ]
    pay(buyer, session)
    assert len(sandbox.client.v1.subscriptions.list().data) == 1
    assert get_only_intent(sandbox).status == "succeeded"


@pytest.fixture
def trial(sandbox: Sandbox) -> stripe.checkout.Session:
    return open_session(sandbox, 500, "month", subscription_data={"trial_period_days": 14})


def test_trial_saves_card_without_charge(
    sandbox: Sandbox, buyer: Client, trial: stripe.checkout.Session
) -> None:
    html = buyer.get(page(trial)).content.decode()
    assert "14 days free" in html
    assert "Then $5.00 per month starting" in html
    assert re.search(r'id="OrderDetails-TotalAmount"><span[^>]*>\$0\.00', html)
    assert pay(buyer, trial).status_code == 303

    session = retrieve_session(sandbox, trial, "subscription", "invoice")
    subscription: Any = session.subscription
    assert (session.payment_status, session.amount_total) == ("no_payment_required", 0)
    assert subscription.status == "trialing"
    assert abs(subscription.trial_end - clock.now() - 14 * 86400) < 60
    invoice: Any = session.invoice
    assert (invoice.status, invoice.total) == ("paid", 0)
    assert sandbox.client.v1.charges.list().data == []
    assert types(sandbox) == [
        "customer.created",
        "setup_intent.created",
        "setup_intent.succeeded",
        "payment_method.attached",
        "customer.updated",  # the subscription sets its currency
        "customer.subscription.created",
        "invoice.created",
        "invoice.finalized",
        "invoice.paid",
        "invoice.payment_succeeded",
        "checkout.session.completed",
    ]


def test_declined_card_does_not_start_a_trial(
    sandbox: Sandbox, buyer: Client, trial: stripe.checkout.Session
) -> None:
    response = pay(buyer, trial, DECLINED_CARDS[0])
    assert field_errors(response.content.decode()) == ["Your card has been declined."]
    assert types(sandbox) == ["customer.created", "setup_intent.created", "setup_intent.setup_failed"]
    (failed,) = sandbox.events("setup_intent.setup_failed")
    assert failed["data"]["object"]["last_setup_error"]["code"] == "card_declined"


def test_trial_starts_after_three_d_secure(
    sandbox: Sandbox, buyer: Client, trial: stripe.checkout.Session
) -> None:
    pay(buyer, trial, CHALLENGED_CARDS[0])
    complete_challenge(buyer, trial, "fail")
    assert types(sandbox)[-1] == "setup_intent.setup_failed"
    pay(buyer, trial, CHALLENGED_CARDS[0])
    complete_challenge(buyer, trial, "complete")
    assert retrieve_session(sandbox, trial).status == "complete"


@pytest.mark.parametrize("interval", ["", "month"])
def test_free_order_requires_no_card(sandbox: Sandbox, buyer: Client, interval: str) -> None:
    params = {"payment_method_collection": "if_required"} if interval else {}
    session = open_session(sandbox, 0, interval, **params)
    html = buyer.get(page(session)).content.decode()
    assert 'id="email"' in html
    assert "cardNumber" not in html
    assert field_errors(buyer.post(page(session), {"email": ""}).content.decode()) == ["Required"]
    assert buyer.post(page(session), {"email": "ada@example.com"}).status_code == 303
    session = retrieve_session(sandbox, session)
    assert (session.status, session.payment_status) == ("complete", "no_payment_required")
    assert session.payment_intent is None
    assert bool(session.subscription) == bool(interval)


# --- hosted page ------------------------------------------------------------------------------------------


def test_page_has_stripes_element_ids_and_no_inline_code(sandbox: Sandbox, buyer: Client) -> None:
    html = buyer.get(page(open_session(sandbox))).content.decode()
    names = [
        "email",
        "cardNumber",
        "cardExpiry",
        "cardCvc",
        "billingName",
        "billingCountry",
        "billingPostalCode",
    ]
    for name in names:
        assert f'id="{name}" name="{name}"' in html
    for hook in ("card-accordion-item", "hosted-payment-submit-button", "business-link"):
        assert f'data-testid="{hook}"' in html
    for css_class in ("PaymentForm-form", "SubmitButton", "Header-businessLink"):
        assert f'class="{css_class}"' in html
    assert 'href="https://shop.example/cart"' in html
    assert not re.search(r"<script(?![^>]+src=)|<style|\sstyle=|\son\w+=", html)


def test_all_fields_show_errors(sandbox: Sandbox, buyer: Client) -> None:
    session = open_session(sandbox)
    html = buyer.post(page(session), {"billingCountry": "US"}).content.decode()
    assert field_errors(html) == ["Required"] * 6
    assert 'id="required-cardNumber-fieldset"' in html
    html = pay(
        buyer, session, cardNumber="4242424242424241", cardExpiry="01 / 20", cardCvc="1"
    ).content.decode()
    assert field_errors(html) == [
        "Your card number is invalid.",
        "Your card's expiration year is in the past.",
        "Your card's security code is incomplete.",
    ]
    assert 'role="alert"' in html
    assert types(sandbox) == []


def test_known_email_is_not_requested(sandbox: Sandbox, buyer: Client) -> None:
    customer = sandbox.client.v1.customers.create({"email": "ada@example.com"})
    session = open_session(sandbox, customer=customer.id)
    assert re.search(
        r'id="email"[^>]+value="ada@example.com"[^>]* readonly', buyer.get(page(session)).content.decode()
    )
    pay(buyer, session, email="mallory@example.com")
    session = retrieve_session(sandbox, session)
    assert session.customer == customer.id
    assert session.customer_details is not None
    assert session.customer_details.email == "ada@example.com"


def test_customer_update_saves_name_and_address(sandbox: Sandbox, buyer: Client) -> None:
    customer = sandbox.client.v1.customers.create({"email": "ada@example.com"})
    pay(buyer, open_session(sandbox, customer=customer.id, customer_update={"name": "auto"}))
    assert sandbox.client.v1.customers.retrieve(customer.id).name == "Ada Lovelace"
    assert sandbox.events("customer.updated")[0]["data"]["previous_attributes"] == {"name": None}


def test_yen_have_no_decimals(sandbox: Sandbox, buyer: Client) -> None:
    price = sandbox.product(amount=4800, currency="jpy").default_price
    session = open_session(sandbox, line_items=[{"price": str(price), "quantity": 2}])
    html = buyer.get(page(session)).content.decode()
    assert "Pay ¥9,600</span>" in html
    assert "Qty 2" in html


def test_test_card_link_works_without_javascript(sandbox: Sandbox, buyer: Client) -> None:
    html = buyer.get(page(open_session(sandbox)), {"card": "4000000000000002"}).content.decode()
    assert 'value="4000 0000 0000 0002"' in html


def test_forged_posts_are_refused(sandbox: Sandbox) -> None:
    session = open_session(sandbox)
    assert pay(Client(enforce_csrf_checks=True), session).status_code == 403
    assert retrieve_session(sandbox, session).status == "open"


def test_double_submit_pays_once(sandbox: Sandbox) -> None:
    session, answers = open_session(sandbox), []

    def press() -> None:
        answers.append(pay(Client(), session)["Location"])

    threads = [threading.Thread(target=press) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [SUCCESS.replace("{CHECKOUT_SESSION_ID}", session.id)] * 4
    assert len(sandbox.client.v1.charges.list().data) == 1
    assert types(sandbox).count("checkout.session.completed") == 1


def test_complete_session_shows_notice(sandbox: Sandbox, buyer: Client) -> None:
    session = open_session(sandbox)
    pay(buyer, session)
    response = buyer.get(page(session))
    assert "all done here" in response.content.decode()
    assert SUCCESS.replace("{CHECKOUT_SESSION_ID}", session.id) in response.content.decode()


def test_expired_session_cannot_be_paid(sandbox: Sandbox, buyer: Client) -> None:
    session = open_session(sandbox)
    sandbox.client.v1.checkout.sessions.expire(session.id)
    assert pay(buyer, session)["Location"] == page(session)
    response = buyer.get(page(session))
    assert response.status_code == 410
    assert "has expired" in response.content.decode()
    assert sandbox.client.v1.charges.list().data == []


def test_page_expires_overdue_session(sandbox: Sandbox, buyer: Client) -> None:
    session = open_session(sandbox)
    storage.update(session.id, expires_at=clock.now() - 1)
    assert buyer.get(page(session)).status_code == 410
    assert types(sandbox) == ["checkout.session.expired"]


def test_unknown_session_is_404(sandbox: Sandbox, buyer: Client) -> None:
    response = buyer.get("/stripe-sandbox/checkout/cs_test_nothing")
    assert response.status_code == 404
    assert "Page not found" in response.content.decode()


def test_receipt_page_shows_the_charge(sandbox: Sandbox, buyer: Client) -> None:
    session = open_session(sandbox)
    pay(buyer, session)
    charge = sandbox.client.v1.charges.retrieve(str(get_only_intent(sandbox).latest_charge))
    assert charge.receipt_url is not None
    html = buyer.get(charge.receipt_url).content.decode()
    assert "Icon set" in html
    assert "$19.00" in html
    assert "4242" in html


def test_invoice_page_shows_the_invoice(sandbox: Sandbox, buyer: Client) -> None:
    session = open_session(sandbox, 900, "month")
    pay(buyer, session)
    invoice: Any = retrieve_session(sandbox, session, "invoice").invoice
    assert invoice.number in buyer.get(invoice.hosted_invoice_url).content.decode()


# --- delays -----------------------------------------------------------------------------------------------


def test_late_payment_redirects_buyer_before_completion(sandbox: Sandbox, buyer: Client) -> None:
    sandbox.switches(late_seconds=60)
    session = open_session(sandbox)
    assert pay(buyer, session)["Location"].startswith("https://shop.example/thanks")
    assert retrieve_session(sandbox, session).status == "open"
    assert pay(buyer, session).status_code == 303
    assert payment.complete_due() == 0
    assert payment.complete_due(clock.now() + 61) == 1
    assert payment.complete_due(clock.now() + 61) == 0
    assert retrieve_session(sandbox, session).payment_status == "paid"
    assert len(sandbox.client.v1.charges.list().data) == 1


def test_late_payment_of_expired_session_is_dropped(sandbox: Sandbox, buyer: Client) -> None:
    sandbox.switches(late_seconds=60)
    session = open_session(sandbox)
    pay(buyer, session)
    checkout_sessions.expire_due(clock.now() + 25 * 3600)
    assert payment.complete_due(clock.now() + 25 * 3600) == 0
    assert sandbox.client.v1.charges.list().data == []


def test_redirect_waits_for_store_acknowledgement(
    sandbox: Sandbox, buyer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = []
    monkeypatch.setattr("stripe_sandbox.delivery.wait_for", lambda *args: waits.append(args))
    pay(buyer, open_session(sandbox))
    (completed,) = sandbox.events("checkout.session.completed")
    assert waits == [(completed["id"], 10)]
    sandbox.switches(delay_seconds=3)
    pay(buyer, open_session(sandbox))
    assert len(waits) == 1
