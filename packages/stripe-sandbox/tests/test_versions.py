"""Stripe-Version, the api_version of webhook endpoints, and Stripe-Account."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
import stripe
from django.test import Client

from stripe_sandbox import api, storage, versions
from stripe_sandbox.testing import Sandbox

OLD, CLOVER, DAHLIA, ENDIVE = "2024-06-20", "2026-02-25.clover", "2026-08-26.dahlia", "2026-10-28.endive"
SESSION = {
    "mode": "payment",
    "success_url": "https://shop.example/",
    "line_items[0][quantity]": "1",
    "line_items[0][price_data][currency]": "eur",
    "line_items[0][price_data][unit_amount]": "900",
    "line_items[0][price_data][product_data][name]": "Icons",
}


def send(version: str, method: str, path: str, params: Any = (), **headers: str) -> tuple[int, Any, Any]:
    """Return status, body and headers."""
    sent = {"Authorization": "Bearer sk_test_x", "Stripe-Version": version}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    answer = api.handle(method, path, sent, urlencode(dict(params)).encode(), "", "http://shop.example")
    return answer.status, json.loads(answer.body), answer.headers


@pytest.mark.parametrize("version", [CLOVER, DAHLIA, ENDIVE, "2026-09-30.endive", "2026-11-25.endive"])
def test_supported_version_has_no_warning(sandbox: Sandbox, version: str) -> None:
    status, _, headers = send(version, "GET", "/v1/products")
    assert (status, headers["Stripe-Version"]) == (200, version)
    assert versions.WARNING_HEADER not in headers
    assert versions.find_unsupported() == []


@pytest.mark.parametrize(
    "version", [OLD, "2025-08-27.basil", "2027-03-31.fennel", "2026-10-28.preview; feature=v1"]
)
def test_other_version_gets_newest_shapes_and_is_listed(
    sandbox: Sandbox, version: str, settings: Any
) -> None:
    settings.DEBUG = True
    status, session, headers = send(version, "POST", "/v1/checkout/sessions", SESSION)
    assert (status, session["ui_mode"]) == (200, "hosted_page")
    assert headers["Stripe-Version"] == stripe.api_version
    assert version in headers[versions.WARNING_HEADER]
    send(version, "GET", "/v1/products")
    assert versions.find_unsupported() == [version]
    assert version in Client().get("/stripe-sandbox/").content.decode()


def test_malformed_version_is_refused(sandbox: Sandbox) -> None:
    status, answer, _ = send("latest", "GET", "/v1/products")
    assert (status, answer["error"]["message"]) == (400, "Invalid Stripe API version: latest")


@pytest.mark.parametrize("version", [OLD, CLOVER, DAHLIA])
def test_payment_method_types_are_accepted_before_endive(sandbox: Sandbox, version: str) -> None:
    methods = {"payment_method_types[0]": "sepa_debit"}
    status, session, _ = send(version, "POST", "/v1/checkout/sessions", SESSION | methods)
    assert (status, session["payment_method_types"]) == (200, ["sepa_debit"])
    refused = send(version, "POST", "/v1/checkout/sessions", SESSION | {"payment_method_types[0]": "paypal"})
    assert (refused[0], refused[1]["error"]["param"]) == (400, "payment_method_types")
    assert "allowed_payment_method_types" in send(ENDIVE, "GET", f"/v1/checkout/sessions/{session['id']}")[1]
    old = send(DAHLIA, "GET", f"/v1/checkout/sessions/{session['id']}")[1]
    assert "allowed_payment_method_types" not in old


def test_endive_refuses_payment_method_types(sandbox: Sandbox) -> None:
    params = SESSION | {"payment_method_types[0]": "card"}
    status, answer, _ = send(ENDIVE, "POST", "/v1/checkout/sessions", params)
    assert (status, answer["error"]["code"]) == (400, "payment_method_types_no_longer_supported")


@pytest.mark.parametrize("path", ["/v1/payment_intents", "/v1/setup_intents"])
def test_payment_method_types_of_intents_are_accepted_before_endive(sandbox: Sandbox, path: str) -> None:
    params = {"amount": "900", "currency": "usd"} if "payment" in path else {}
    method = {"payment_method_types[0]": "card"}
    assert send(DAHLIA, "POST", path, params | method)[1]["payment_method_types"] == ["card"]
    assert send(DAHLIA, "POST", path, params | {"payment_method_types[0]": "paypal"})[0] == 400
    assert send(ENDIVE, "POST", path, params | method)[0] == 400


@pytest.mark.parametrize(("version", "mode"), [(CLOVER, "hosted"), (DAHLIA, "hosted_page")])
def test_ui_mode_has_the_names_of_the_version(sandbox: Sandbox, version: str, mode: str) -> None:
    status, session, _ = send(version, "POST", "/v1/checkout/sessions", SESSION | {"ui_mode": mode})
    assert (status, session["ui_mode"]) == (200, mode)
    listed = send(version, "GET", "/v1/checkout/sessions")[1]["data"]
    assert [row["ui_mode"] for row in listed] == [mode]
    other = "hosted_page" if mode == "hosted" else "hosted"
    if version == DAHLIA:
        assert send(version, "POST", "/v1/checkout/sessions", SESSION | {"ui_mode": other})[0] == 400


def test_billing_cycle_anchor_is_a_word_before_endive(sandbox: Sandbox) -> None:
    product = sandbox.product(recurring={"interval": "month"})
    v1 = sandbox.client.v1
    customer = v1.customers.create({"email": "ada@example.com"}).id
    card = v1.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    plan: Any = {
        "customer": customer,
        "default_payment_method": card,
        "items": [{"price": product.default_price}],
    }
    subscription = v1.subscriptions.create(plan).id
    v1.subscriptions.pause(subscription)
    path = f"/v1/subscriptions/{subscription}/resume"
    assert send(ENDIVE, "POST", path, {"billing_cycle_anchor": "unchanged"})[0] == 400
    status, resumed, _ = send(DAHLIA, "POST", path, {"billing_cycle_anchor": "unchanged"})
    assert (status, resumed["status"]) == (200, "active")


def test_discount_parameters_of_older_releases_are_accepted(sandbox: Sandbox) -> None:
    coupon = sandbox.client.v1.coupons.create({"percent_off": 25, "duration": "once"}).id
    status, code, _ = send(
        "2025-08-27.basil", "POST", "/v1/promotion_codes", {"coupon": coupon, "code": "SPRING"}
    )
    assert (status, code["promotion"]["coupon"]) == (200, coupon)
    assert send(CLOVER, "POST", "/v1/promotion_codes", {"coupon": coupon})[0] == 400
    price = sandbox.product(recurring={"interval": "month"}).default_price
    customer = sandbox.client.v1.customers.create({}).id
    params = {"customer": customer, "items[0][price]": price, "trial_period_days": "7", "coupon": coupon}
    status, subscription, _ = send(OLD, "POST", "/v1/subscriptions", params)
    assert (status, len(subscription["discounts"])) == (200, 1)


@pytest.mark.parametrize(
    ("version", "payload_version", "mode"),
    [
        (CLOVER, CLOVER, "hosted"),
        (DAHLIA, DAHLIA, "hosted_page"),
        (OLD, stripe.api_version, "hosted_page"),
        ("", stripe.api_version, "hosted_page"),
    ],
)
def test_webhooks_have_the_api_version_of_the_endpoint(
    sandbox: Sandbox, version: str, payload_version: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(
        "stripe_sandbox.sender._post_over_http",
        lambda url, body, headers: (sent.append(json.loads(body)), (200, ""))[1],
    )
    params = {"url": "https://a.example", "enabled_events[0]": "checkout.session.expired"}
    named = {"api_version": version} if version else {}
    status, endpoint, _ = send(ENDIVE, "POST", "/v1/webhook_endpoints", params | named)
    assert (status, endpoint["api_version"]) == (200, version or None)
    session = send(ENDIVE, "POST", "/v1/checkout/sessions", SESSION)[1]
    sandbox.client.v1.checkout.sessions.expire(session["id"])
    sandbox.deliver()
    (event,) = sent
    assert (event["api_version"], event["data"]["object"]["ui_mode"]) == (payload_version, mode)
    assert versions.find_unsupported() == ([OLD] if version == OLD else [])
    stored = storage.get(event["id"]) or {}
    assert (stored["api_version"], stored["data"]["object"]["ui_mode"]) == (stripe.api_version, "hosted_page")


def test_stripe_account_is_the_own_account_or_refused(sandbox: Sandbox) -> None:
    own = sandbox.client.v1.accounts.retrieve_current().id
    assert send(ENDIVE, "GET", "/v1/products", Stripe_Account=own)[0] == 200
    for header in ("Stripe_Account", "Stripe_Context"):
        status, answer, _ = send(ENDIVE, "GET", "/v1/products", **{header: "acct_1Other"})
        assert (status, answer["error"]["code"]) == (403, "account_invalid")
    with pytest.raises(stripe.PermissionError):
        sandbox.client.v1.accounts.retrieve("acct_1Other")


# --- fields of releases before basil ----------------------------------------------------------------------


@pytest.fixture
def subscribed(sandbox: Sandbox) -> dict[str, Any]:
    """Create a paid subscription with a request of an old client. Return the response."""
    v1 = sandbox.client.v1
    customer = v1.customers.create({"email": "ada@example.com"}).id
    v1.payment_methods.attach("pm_card_visa", {"customer": customer})
    card = v1.customers.payment_methods.list(customer).data[0].id
    price = str(sandbox.product("Club", 900, recurring={"interval": "month"}).default_price)
    params = {
        "customer": customer,
        "items[0][price]": price,
        "default_payment_method": card,
        "expand[0]": "latest_invoice.payment_intent",
    }
    status, subscription, _ = send(OLD, "POST", "/v1/subscriptions", params)
    assert status == 200, subscription
    found: dict[str, Any] = subscription
    return found


def test_old_client_reads_its_fields(sandbox: Sandbox, subscribed: dict[str, Any]) -> None:
    item = subscribed["items"]["data"][0]
    assert subscribed["current_period_end"] == item["current_period_end"]
    invoice = subscribed["latest_invoice"]
    assert (invoice["subscription"], invoice["paid"]) == (subscribed["id"], True)
    assert (invoice["payment_intent"]["status"], invoice["payment_intent"]["invoice"]) == (
        "succeeded",
        invoice["id"],
    )
    (line,) = invoice["lines"]["data"]
    assert (line["price"]["unit_amount"], line["subscription_item"]) == (900, item["id"])
    _, charge, _ = send(OLD, "GET", f"/v1/charges/{invoice['charge']}")
    assert charge["invoice"] == invoice["id"]


def test_new_client_does_not_get_them(sandbox: Sandbox, subscribed: dict[str, Any]) -> None:
    for version in ("2025-03-31.basil", CLOVER, ENDIVE):
        _, found, _ = send(version, "GET", f"/v1/subscriptions/{subscribed['id']}")
        assert "current_period_end" not in found
    params: Any = {"expand": ["payment_intent"]}
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        sandbox.client.v1.invoices.retrieve(subscribed["latest_invoice"]["id"], params)


def test_webhook_of_an_old_endpoint_has_them(sandbox: Sandbox, subscribed: dict[str, Any]) -> None:
    event = sandbox.events("invoice.paid")[0]
    assert versions.render_event(event, OLD)["data"]["object"]["subscription"] == subscribed["id"]
    assert "subscription" not in versions.render_event(event, CLOVER)["data"]["object"]
