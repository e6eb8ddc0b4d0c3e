"""The control panel and the demo catalogue."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any

import pytest
import stripe
from django.test import Client
from test_checkout_page import open_session, pay

import stripe_sandbox
from stripe_sandbox import bootstrap, storage, switches
from stripe_sandbox.demo.catalogue import PRODUCTS, ensure_demo_catalogue
from stripe_sandbox.testing import Sandbox

PANEL = "/stripe-sandbox/"
ART = Path(stripe_sandbox.__file__).parent / "static/stripe_sandbox/art"


@pytest.fixture
def operator(settings: Any) -> Client:
    """Return an anonymous client with DEBUG on."""
    settings.DEBUG = True
    return Client()


def page_text(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200, path
    return html.unescape(response.content.decode())


def test_every_kind_of_object_has_a_page(sandbox: Sandbox, operator: Client) -> None:
    pay(Client(), open_session(sandbox, 900, "month"))
    home = page_text(operator, PANEL)
    kinds = re.findall(r'href="(/stripe-sandbox/objects/[^"]+)"', home)
    assert {"charge", "event", "invoice", "subscription_item"} <= {kind.split("/")[3] for kind in kinds}
    for kind in set(kinds):
        (first, *_) = re.findall(r'href="(/stripe-sandbox/object/[^"]+)"', page_text(operator, kind))
        page = re.search(r'<pre class="Json"[^>]*>(.*?)</pre>', page_text(operator, first), re.DOTALL)
        assert page is not None
        assert json.loads(re.sub(r"<[^>]+>", "", page[1]))["id"] in first


def test_detail_links_ids_and_hides_secrets(sandbox: Sandbox, operator: Client) -> None:
    session = open_session(sandbox)
    pay(Client(), session)
    page = page_text(operator, f"{PANEL}object/{session.id}")
    intent = re.search(r'href="(/stripe-sandbox/object/pi_[^"]+)"', page)
    assert intent is not None
    assert "_secret_" not in page_text(operator, intent[1])


def test_markup_in_an_object_is_escaped(sandbox: Sandbox, operator: Client) -> None:
    product = sandbox.product(name="<script>alert(1)</script>")
    assert "<script>alert" not in operator.get(f"{PANEL}object/{product.id}").content.decode()


def test_long_lists_are_paginated(sandbox: Sandbox, operator: Client) -> None:
    for at in range(51):
        sandbox.client.v1.customers.create({"email": f"{at}@example.com"})
    first = page_text(operator, f"{PANEL}objects/customer/")
    older = re.search(r'href="(\?after=[^"]+)"', first)
    assert "50@example.com" in first
    assert older is not None
    last = page_text(operator, f"{PANEL}objects/customer/{older[1]}")
    assert "0@example.com" in last
    assert "?after=" not in last


def test_event_can_be_resent(sandbox: Sandbox, operator: Client) -> None:
    pay(Client(), open_session(sandbox))
    sandbox.deliver()
    (event,) = sandbox.events("checkout.session.completed")
    (attempt,) = sandbox.attempts(event["id"])
    page = page_text(operator, f"{PANEL}deliveries/")
    assert "checkout.session.completed" in page
    assert "delivered" in page
    response = operator.post(f"{PANEL}resend/", {"event": event["id"], "endpoint": attempt["endpoint"]})
    assert response.status_code == 302
    assert sandbox.deliver() == 1
    assert [row["state"] for row in sandbox.attempts(event["id"])] == ["delivered", "delivered"]
    assert operator.post(f"{PANEL}resend/", {"event": "evt_none", "endpoint": "we_none"}).status_code == 404


def test_switches_are_set_with_the_form(sandbox: Sandbox, operator: Client) -> None:
    form = {
        "delay_seconds": "2.5",
        "late_seconds": "0",
        "fail_next_n": "1",
        "drop": "charge.*, invoice.paid",
        "reorder": "on",
    }
    assert operator.post(f"{PANEL}switches/", form).status_code == 302
    assert switches.current() == switches.Switches(
        delay_seconds=2.5, fail_next_n=1, drop=["charge.*", "invoice.paid"], reorder=True
    )
    page = page_text(operator, PANEL)
    assert 'value="charge.* invoice.paid"' in page
    assert 'value="2.5"' in page
    invalid = operator.post(f"{PANEL}switches/", form | {"delay_seconds": "-1"})
    assert invalid.status_code == 422
    assert "greater than or equal to 0" in invalid.content.decode()
    assert switches.current().delay_seconds == 2.5


def test_refusals_are_switched_on_in_the_form(sandbox: Sandbox, operator: Client) -> None:
    form = {
        "delay_seconds": "0",
        "late_seconds": "0",
        "fail_next_n": "0",
        "cannot_charge": "on",
        "missing_permissions": "plan_read, coupon_write",
        "api_times": "1",
        "api_path": "/v1/products",
        "api_status": "400",
        "api_code": "email_invalid",
        "api_message": "No.",
    }
    assert operator.post(f"{PANEL}switches/", form).status_code == 302
    with pytest.raises(stripe.InvalidRequestError, match=r"No\."):
        sandbox.client.v1.products.list()
    with pytest.raises(stripe.PermissionError):
        sandbox.client.v1.prices.list()
    assert sandbox.client.v1.accounts.retrieve_current().charges_enabled is False
    for wrong in ({"missing_permissions": "everything"}, {"api_status": "200"}):
        assert operator.post(f"{PANEL}switches/", form | wrong).status_code == 422


def test_start_over_resets_objects_and_switches(sandbox: Sandbox, operator: Client, settings: Any) -> None:
    sandbox.switches(duplicate=True)
    pay(Client(), open_session(sandbox))
    settings.STRIPE_SANDBOX_DEMO = True
    assert operator.post(f"{PANEL}start-over/").status_code == 302
    assert sandbox.client.v1.charges.list().data == []
    assert switches.current() == switches.Switches()
    assert {product.name for product in sandbox.client.v1.products.list()} == {
        product.name for product in PRODUCTS
    }


def test_panel_is_hidden_on_a_demo_site_without_admin(sandbox: Sandbox, settings: Any) -> None:
    settings.DEBUG = False
    session = open_session(sandbox)
    paths = ["", "deliveries/", "objects/customer/", f"object/{session.id}"]
    assert [Client().get(PANEL + path).status_code for path in paths] == [404] * 4


@pytest.mark.parametrize("path", ["switches/", "start-over/", "resend/"])
def test_changes_require_a_post_with_csrf_token(sandbox: Sandbox, operator: Client, path: str) -> None:
    assert operator.get(PANEL + path).status_code == 405
    assert Client(enforce_csrf_checks=True).post(PANEL + path).status_code == 403


def test_test_cards_are_listed(sandbox: Sandbox, operator: Client) -> None:
    page = page_text(operator, f"{PANEL}test-cards/")
    assert "4000 0000 0000 9995" in page
    assert "insufficient_funds" in page


# --- demo catalogue ---------------------------------------------------------------------------------------


@pytest.fixture
def demo(sandbox: Sandbox, settings: Any) -> list[stripe.Product]:
    settings.STRIPE_SANDBOX_DEMO = True
    storage.reset()
    bootstrap.prepare()
    return sandbox.client.v1.products.list({"limit": 100, "expand": ["data.default_price"]}).data


def test_demo_catalogue_is_ordered_and_created_once(sandbox: Sandbox, demo: list[stripe.Product]) -> None:
    assert [product.metadata["slug"] for product in demo] == [product.slug for product in PRODUCTS]
    ensure_demo_catalogue()
    assert len(sandbox.client.v1.products.list({"limit": 100}).data) == len(PRODUCTS)
    assert sandbox.events() == []


def test_demo_catalogue_has_every_kind_of_price(sandbox: Sandbox, demo: list[stripe.Product]) -> None:
    prices = sandbox.client.v1.prices.list({"limit": 100, "expand": ["data.currency_options"]}).data
    terms = [price.recurring for price in prices if price.recurring]
    assert {"usd", "jpy"} <= {price.currency for price in prices}
    assert {"month", "year"} <= {term.interval for term in terms}
    assert [term.trial_period_days for term in terms if term.trial_period_days] == [14]
    assert 0 in {price.unit_amount for price in prices}
    assert [price.custom_unit_amount.preset for price in prices if price.custom_unit_amount] == [1900]
    options = [price.currency_options.to_dict() for price in prices if price.currency_options]
    assert [sorted(row) for row in options if len(row) > 1] == [["eur", "jpy", "usd"]]
    for product in demo:
        price = product.default_price
        assert isinstance(price, stripe.Price)
        amount = price.custom_unit_amount.preset if price.custom_unit_amount else price.unit_amount
        assert amount == next(d for d in PRODUCTS if d.name == product.name).prices[0].amount


def test_yearly_price_is_ten_monthly_prices() -> None:
    (club,) = [product for product in PRODUCTS if product.slug == "workshop"]
    month, year = club.prices
    assert year.amount == 10 * month.amount


@pytest.mark.parametrize("demo_product", PRODUCTS, ids=lambda product: product.slug)
def test_each_demo_product_has_valid_art(demo_product: Any) -> None:
    cover = (ART / f"{demo_product.slug}.svg").read_text()
    others = [
        (ART / f"{demo_product.slug}-{number}.svg").read_text()
        for number in range(2, demo_product.pictures + 1)
    ]
    assert len(cover.encode()) < 12_000  # the cover is on a card of the store
    assert all(len(art.encode()) < 40_000 for art in others)
    for art in [cover, *others]:
        assert 'viewBox="0 0 1200 900" width="1200" height="900"' in art
        assert not re.search(r"<script|<text|<image|href=|\son\w+=", art)


def test_each_demo_product_lists_its_features(demo: list[stripe.Product]) -> None:
    for product, expected in zip(demo, PRODUCTS, strict=True):
        features = [feature.name for feature in product.marketing_features]
        assert features == list(expected.features)
        assert len(product.images) == expected.pictures


# --- actions on an object's page --------------------------------------------------------------------------


def press(client: Client, object_id: str, action: str, **form: str) -> Any:
    return client.post(f"{PANEL}object/{object_id}/act", {"action": action, **form})


def available_actions(client: Client, object_id: str) -> list[str]:
    return re.findall(r'name="action" value="([^"]+)"', page_text(client, f"{PANEL}object/{object_id}"))


def test_panel_refunds_payments(sandbox: Sandbox, operator: Client) -> None:
    session = open_session(sandbox)
    assert available_actions(operator, session.id) == ["expire"]
    pay(Client(), session)
    assert available_actions(operator, session.id) == [
        "refund",
        "refund_fails",
        "refund_pending",
        "refund_requires_action",
        "dispute",
    ]
    assert 'value="19.00"' in page_text(operator, f"{PANEL}object/{session.id}")
    assert press(operator, session.id, "refund", amount="5.50").status_code == 302
    (charge,) = sandbox.client.v1.charges.list().data
    assert charge.amount_refunded == 550
    assert press(operator, charge.id, "refund_fails", amount="13.5").status_code == 302
    (failing, _) = sandbox.client.v1.refunds.list().data
    assert available_actions(operator, charge.id) == []
    assert available_actions(operator, failing.id) == ["fail", "hurry"]
    press(operator, failing.id, "hurry")
    assert sandbox.client.v1.charges.retrieve(charge.id).amount_refunded == 550


@pytest.mark.parametrize(
    ("amount", "message"), [("1900", "is greater than charge amount"), ("x", "is not a number")]
)
def test_failed_action_shows_error(sandbox: Sandbox, operator: Client, amount: str, message: str) -> None:
    session = open_session(sandbox)
    pay(Client(), session)
    response = press(operator, session.id, "refund", amount=amount)
    assert response.status_code == 422
    assert message in html.unescape(response.content.decode())
    assert press(operator, session.id, "expire").status_code == 422


def test_panel_opens_and_settles_disputes(sandbox: Sandbox, operator: Client) -> None:
    session = open_session(sandbox)
    pay(Client(), session)
    assert press(operator, session.id, "dispute", choice="nonsense").status_code == 422
    press(operator, session.id, "dispute", choice="dispute_inquiry")
    (dispute,) = sandbox.client.v1.disputes.list().data
    assert available_actions(operator, dispute.id) == ["win", "lose", "escalate"]
    press(operator, dispute.id, "escalate")
    press(operator, dispute.id, "win")
    assert sandbox.client.v1.disputes.retrieve(dispute.id).status == "won"
    assert available_actions(operator, dispute.id) == []


def test_panel_expires_session(sandbox: Sandbox, operator: Client) -> None:
    session = open_session(sandbox)
    press(operator, session.id, "expire")
    assert sandbox.client.v1.checkout.sessions.retrieve(session.id).status == "expired"
    assert len(sandbox.events("checkout.session.expired")) == 1


def test_panel_advances_subscription(sandbox: Sandbox, operator: Client) -> None:
    pay(Client(), open_session(sandbox, 900, "month"))
    (subscription,) = sandbox.client.v1.subscriptions.list().data
    assert available_actions(operator, subscription.id) == ["renew", "fail_renewal", "cancel", "days"]
    assert press(operator, subscription.id, "renew").status_code == 302
    assert len(sandbox.client.v1.invoices.list({"status": "paid"}).data) == 2
    press(operator, subscription.id, "fail_renewal")
    press(operator, str(subscription.customer), "days", days="33")
    assert sandbox.client.v1.subscriptions.retrieve(subscription.id).status == "past_due"
    assert press(operator, subscription.id, "days", days="soon").status_code == 422
    press(operator, subscription.id, "cancel")
    assert sandbox.client.v1.subscriptions.retrieve(subscription.id).status == "canceled"
    assert available_actions(operator, subscription.id) == ["days"]
