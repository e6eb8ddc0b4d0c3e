from __future__ import annotations

import html
from typing import Any

import pytest
import stripe
from django.test import Client
from test_checkout_page import open_session, pay

from stripe_sandbox import cards, storage
from stripe_sandbox.testing import Sandbox

RETURN_URL = "https://shop.example/account?from=portal"


@pytest.fixture
def subscription(sandbox: Sandbox) -> stripe.Subscription:
    """Create a subscription for $9 a month, paid with the default Visa."""
    return subscribe(sandbox)


def subscribe(sandbox: Sandbox, number: str = "4242424242424242") -> stripe.Subscription:
    pay(Client(), open_session(sandbox, 900, "month"), cards.BY_NUMBER[number])
    return sandbox.client.v1.subscriptions.list().data[0]


def open_portal(sandbox: Sandbox, subscription: stripe.Subscription, **params: Any) -> str:
    """Return the path of a new portal session."""
    created = sandbox.client.v1.billing_portal.sessions.create(
        {"customer": str(subscription.customer), "return_url": RETURN_URL, **params}
    )
    assert created.url.endswith(f"/stripe-sandbox/portal/{created.id}")
    return f"/stripe-sandbox/portal/{created.id}"


def page_text(path: str) -> str:
    response = Client().get(path)
    assert response.status_code == 200, path
    return html.unescape(response.content.decode())


def type_card(path: str, number: str = "5555555555554444", **changes: str) -> Any:
    typed = {
        "cardNumber": number,
        "cardExpiry": "12 / 34",
        "cardCvc": "123",
        "billingName": "Ada Lovelace",
        "billingCountry": "DE",
    }
    return Client().post(path, typed | changes)


def retrieve_subscription(sandbox: Sandbox, subscription: stripe.Subscription) -> Any:
    return sandbox.client.v1.subscriptions.retrieve(
        subscription.id, {"expand": ["customer", "default_payment_method"]}
    )


def add_failed_invoice(subscription: stripe.Subscription) -> str:
    """Add an invoice whose payment failed, and return its id."""
    from stripe_sandbox.billing import panel_actions

    panel_actions.fail_next_renewal(subscription.id)
    panel_actions.advance_to_renewal(subscription.id)
    (invoice,) = storage.find("invoice", ("status", "=", "open"))
    return str(invoice["id"])


def test_home_shows_subscription_card_and_invoices(
    sandbox: Sandbox, subscription: stripe.Subscription
) -> None:
    page = page_text(open_portal(sandbox, subscription))
    for text in (
        "Icon set",
        "$9.00 per month",
        "Active",
        "Renews on",
        "Visa •••• 4242",
        "Invoice history",
        "Paid",
    ):
        assert text in page
    assert f'data-testid="return-to-business-link" href="{RETURN_URL}"' in page
    assert "/stripe-sandbox/receipts/in_" in page


def test_new_card_becomes_the_customers_default(sandbox: Sandbox, subscription: stripe.Subscription) -> None:
    portal = open_portal(sandbox, subscription)
    response = type_card(f"{portal}/payment-method")
    assert (response.status_code, response["Location"]) == (303, portal)
    now = retrieve_subscription(sandbox, subscription)
    default = now.customer.invoice_settings.default_payment_method
    assert sandbox.client.v1.payment_methods.retrieve(default).card.brand == "mastercard"  # type: ignore[union-attr]
    assert now.default_payment_method.card.brand == "visa"  # the subscription's card is unchanged
    assert "Mastercard •••• 4444" in page_text(portal)
    events = [event["type"] for event in sandbox.events()][-4:]
    assert events == [
        "setup_intent.created",
        "payment_method.attached",
        "setup_intent.succeeded",
        "customer.updated",
    ]


def test_new_card_is_used_for_one_subscription(sandbox: Sandbox, subscription: stripe.Subscription) -> None:
    portal = open_portal(sandbox, subscription)
    type_card(f"{portal}/subscriptions/{subscription.id}/payment-method")
    assert retrieve_subscription(sandbox, subscription).default_payment_method.card.brand == "mastercard"
    assert len(sandbox.events("customer.subscription.updated")) == 1


@pytest.mark.parametrize(
    ("number", "message"),
    [
        ("4000000000000002", "Your card has been declined."),
        ("4000002760003184", "3D Secure"),
        ("4242424242424241", "Your card number is invalid."),
        ("", "Required"),
    ],
)
def test_refused_card_changes_nothing(
    sandbox: Sandbox, subscription: stripe.Subscription, number: str, message: str
) -> None:
    response = type_card(f"{open_portal(sandbox, subscription)}/payment-method", number)
    assert response.status_code == 200
    assert message in html.unescape(response.content.decode())
    assert (
        retrieve_subscription(sandbox, subscription).customer.invoice_settings.default_payment_method is None
    )


@pytest.mark.parametrize("for_subscription", [True, False])
def test_new_card_pays_the_overdue_invoice(
    sandbox: Sandbox, subscription: stripe.Subscription, for_subscription: bool
) -> None:
    invoice = add_failed_invoice(subscription)
    assert retrieve_subscription(sandbox, subscription).status == "past_due"
    portal = open_portal(sandbox, subscription)
    assert "A payment of $9.00 has failed" in page_text(portal)
    type_card(
        f"{portal}/subscriptions/{subscription.id}/payment-method"
        if for_subscription
        else f"{portal}/payment-method"
    )
    assert sandbox.client.v1.invoices.retrieve(invoice).status == "paid"
    assert retrieve_subscription(sandbox, subscription).status == "active"
    assert "has failed" not in page_text(portal)


def test_scheduled_cancellation_can_be_undone(sandbox: Sandbox, subscription: stripe.Subscription) -> None:
    portal = open_portal(sandbox, subscription)
    cancel_url = f"{portal}/subscriptions/{subscription.id}/cancel"
    assert "You have access until" in page_text(cancel_url)
    assert retrieve_subscription(sandbox, subscription).cancel_at_period_end is False
    assert Client().post(cancel_url)["Location"] == portal
    now = retrieve_subscription(sandbox, subscription)
    assert (now.status, now.cancel_at_period_end) == ("active", True)
    page = page_text(portal)
    assert "Ends on" in page
    assert "Don't cancel" in page
    Client().post(f"{portal}/subscriptions/{subscription.id}/resume")
    assert retrieve_subscription(sandbox, subscription).cancel_at_period_end is False
    assert "Renews on" in page_text(portal)


def test_configuration_can_cancel_immediately(sandbox: Sandbox, subscription: stripe.Subscription) -> None:
    created = sandbox.client.v1.billing_portal.configurations.create(
        {"features": {"subscription_cancel": {"enabled": True, "mode": "immediately"}}}
    )
    portal = open_portal(sandbox, subscription, configuration=created.id)
    page = page_text(portal)
    assert "Invoice history" not in page
    assert "payment method" not in page.lower()
    assert Client().get(f"{portal}/payment-method").status_code == 404
    Client().post(f"{portal}/subscriptions/{subscription.id}/cancel")
    assert retrieve_subscription(sandbox, subscription).status == "canceled"
    assert "No subscription" in page_text(portal)


def test_flow_redirects_to_its_page_and_back(sandbox: Sandbox, subscription: stripe.Subscription) -> None:
    cancel: Any = {
        "type": "subscription_cancel",
        "subscription_cancel": {"subscription": subscription.id},
        "after_completion": {"type": "redirect", "redirect": {"return_url": "https://shop.example/bye"}},
    }
    portal = open_portal(sandbox, subscription, flow_data=cancel)
    response = Client().get(portal)
    assert response["Location"] == f"{portal}/subscriptions/{subscription.id}/cancel"
    assert Client().post(response["Location"])["Location"] == "https://shop.example/bye"
    update: Any = {
        "type": "payment_method_update",
        "after_completion": {
            "type": "hosted_confirmation",
            "hosted_confirmation": {"custom_message": "Thanks!"},
        },
    }
    portal = open_portal(sandbox, subscription, flow_data=update)
    response = type_card(Client().get(portal)["Location"])
    assert "Thanks!" in page_text(response["Location"])
    assert "Subscriptions" in page_text(f"{portal}?all")


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"customer": "cus_nobody"}, "customer"),
        ({"customer": ""}, "customer"),
        ({"return_url": "account"}, "return_url"),
        ({"flow_data": {"type": "subscription_update"}}, "flow_data[type]"),
        ({"flow_data": {"type": "subscription_cancel"}}, "flow_data[subscription_cancel]"),
        ({"configuration": "bpc_none"}, "configuration"),
    ],
)
def test_invalid_portal_session_is_rejected(
    sandbox: Sandbox, subscription: stripe.Subscription, params: dict[str, Any], param: str
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as raised:
        open_portal(sandbox, subscription, **params)
    assert raised.value.param == param


def test_other_customers_subscription_is_404(sandbox: Sandbox, subscription: stripe.Subscription) -> None:
    other = subscribe(sandbox)
    portal = open_portal(sandbox, other)
    for act in ("cancel", "resume", "payment-method"):
        assert Client().post(f"{portal}/subscriptions/{subscription.id}/{act}").status_code == 404
    assert retrieve_subscription(sandbox, subscription).cancel_at_period_end is False
    assert Client().get("/stripe-sandbox/portal/bps_none").status_code == 404


def test_portal_session_expires(sandbox: Sandbox, subscription: stripe.Subscription) -> None:
    portal = open_portal(sandbox, subscription)
    session = portal.rpartition("/")[2]
    storage.update(session, created=(storage.get(session) or {})["created"] - 3601)
    response = Client().get(portal)
    assert response.status_code == 410
    assert RETURN_URL in html.unescape(response.content.decode())


def test_default_configuration_exists_and_stays_active(sandbox: Sandbox) -> None:
    configurations = sandbox.client.v1.billing_portal.configurations
    (default,) = configurations.list().data
    assert default.is_default
    assert default.features.subscription_cancel.mode == "at_period_end"
    with pytest.raises(stripe.InvalidRequestError):
        configurations.update(default.id, {"active": False})
    changed = configurations.update(default.id, {"features": {"subscription_cancel": {"enabled": False}}})
    assert not changed.features.subscription_cancel.enabled
    assert changed.features.invoice_history.enabled
