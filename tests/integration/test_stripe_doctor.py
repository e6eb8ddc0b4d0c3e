"""`stripe_doctor` finds what prevents sales and says how to fix it."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from typing import Any
from unittest.mock import Mock

import pytest
import stripe
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from apps.ecommerce.catalogue.sync import sync_product
from apps.ecommerce.models import ProductConfiguration, Purchase, WebhookEvent
from apps.ecommerce.operations import doctor
from apps.ecommerce.operations.webhook_health import webhook_health
from apps.ecommerce.purchases import plan_switch
from apps.ecommerce.webhooks import HANDLERS
from tests.factories import add_price, create_product, press_buy, readiness

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _skip_proxy_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """test_doctor_proxies.py tests these checks."""
    monkeypatch.setattr(doctor, "check_proxies", list)


def diagnose(*options: str) -> tuple[list[str], int]:
    """Return the failed findings and the exit status."""
    out, status = StringIO(), 0
    try:
        call_command("stripe_doctor", *options, stdout=out, no_color=True)
    except SystemExit as stop:
        status = int(str(stop.code))
    return [line for line in out.getvalue().splitlines() if line.startswith("FAIL")], status


def test_sandbox_shop_is_healthy(icons: ProductConfiguration) -> None:
    assert diagnose() == ([], 0)


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("STRIPE_SECRET_KEY", "", "STRIPE_SECRET_KEY is not a secret key"),
        ("STRIPE_SECRET_KEY", "pk_test_x", "STRIPE_SECRET_KEY is not a secret key"),
        ("STRIPE_WEBHOOK_SECRET", "", "STRIPE_WEBHOOK_SECRET is not set"),
        ("STRIPE_WEBHOOK_SECRET", "secret", "STRIPE_WEBHOOK_SECRET is not a signing secret"),
        ("SITE_URL", "https://elsewhere.example", "no webhook endpoint for https://elsewhere.example"),
    ],
)
def test_wrong_setting_is_named(
    icons: ProductConfiguration, settings: Any, setting: str, value: str, message: str
) -> None:
    setattr(settings, setting, value)
    bad, status = diagnose()
    assert status == 1
    assert any(message in line for line in bad), bad


def test_unreachable_stripe_is_reported(icons: ProductConfiguration, disconnect_stripe: Any) -> None:
    disconnect_stripe()
    bad, status = diagnose()
    assert status == 1
    assert "can't be reached" in bad[-1]


def test_outdated_catalogue_is_reported(icons: ProductConfiguration, sandbox: Any) -> None:
    sandbox.client.v1.products.update(icons.product_id, {"name": "Other"})
    assert "catalogue" in diagnose()[0][0]


def test_fix_creates_the_endpoint_with_each_event_and_our_api_version(
    icons: ProductConfiguration, sandbox: Any, settings: Any
) -> None:
    settings.SITE_URL = "https://shop.example"
    settings.ALERT_WEBHOOK_URL = "https://hooks.slack.com/services/T1/B1/x"
    bad, _status = diagnose("--fix")
    endpoint = next(
        e for e in sandbox.client.v1.webhook_endpoints.list() if e.url.startswith("https://shop.example")
    )
    assert set(endpoint.enabled_events) == HANDLERS.keys()
    assert endpoint.api_version == "2026-10-28.endive"
    assert any("STRIPE_WEBHOOK_SECRET=whsec_" in line for line in bad)
    assert diagnose()[0] == []
    sandbox.client.v1.webhook_endpoints.update(
        endpoint.id, {"enabled_events": ["charge.refunded"], "disabled": True}
    )
    assert len(diagnose()[0]) == 2
    assert diagnose("--fix") == ([], 0)


def test_fix_creates_and_updates_the_portal_configuration_of_a_product_with_plans(
    club: ProductConfiguration, sandbox: Any
) -> None:
    def offered() -> list[set[str]]:
        listed = sandbox.client.v1.billing_portal.configurations.list()
        updates = (row.features.subscription_update.products for row in listed)
        return [set(products[0].prices) for products in updates if products]

    assert diagnose() == ([], 0)  # one price needs no configuration
    (monthly,) = [price.id for price in club.prices]
    yearly: list[str] = []
    for amount in (9000, 9900):
        yearly.append(add_price(sandbox.client, club.product_id, amount, interval="year"))
        sync_product(club.product_id)
        (finding,), status = diagnose()
        assert (club.product.name in finding, status) == (True, 1)
        assert diagnose("--fix") == ([], 0)
        # Stripe refuses two yearly prices of a product in one configuration.
        assert sorted(map(sorted, offered())) == sorted(sorted([monthly, price]) for price in yearly)
    assert diagnose() == ([], 0)


def test_refused_plans_of_a_product_do_not_stop_the_others(
    club: ProductConfiguration, sandbox: Any, monkeypatch: Any
) -> None:
    other = create_product(sandbox.client, "Letter", 500, interval="month")
    for product in (club, other):
        add_price(sandbox.client, product.product_id, 9000, interval="year")
        sync_product(product.product_id)
    save, saved = plan_switch.save_configuration, []

    def refuse_club(known: Any, plans: plan_switch.PlanSet) -> str:
        if plans.product_id == club.product_id:
            raise stripe.InvalidRequestError("These prices are refused", "features")
        saved.append(plans.product_id)
        return save(known, plans)

    monkeypatch.setattr(plan_switch, "save_configuration", refuse_club)
    (finding,), status = diagnose("--fix")
    assert (saved, status) == ([other.product_id], 1)
    assert club.product.name in finding
    assert "These prices are refused" in finding


def test_refused_event_name_is_reported(icons: ProductConfiguration, sandbox: Any, monkeypatch: Any) -> None:
    refusal = stripe.InvalidRequestError("Invalid enabled_events: payout.payed", "enabled_events")
    monkeypatch.setattr(doctor, "_check_endpoint", Mock(side_effect=refusal))
    (finding,), status = diagnose("--fix")
    assert status == 1
    assert "payout.payed" in finding
    assert "add_handler" in finding


def test_readyz_reports_missing_webhooks(as_ada: Client, icons: ProductConfiguration) -> None:
    def webhooks() -> dict[str, Any]:
        response = readiness()
        assert response.status_code == 200
        return dict(response.json())

    assert webhooks()["webhooks"] == "ok"
    press_buy(as_ada, icons)
    assert webhooks()["webhooks"] == "ok"  # the buyer may still be typing the card number
    Purchase.objects.update(returned_at=timezone.now() - timedelta(hours=2))
    assert webhooks()["webhooks"].startswith("silent")
    WebhookEvent.objects.create(id="evt_1", type="x", payload={}, stripe_created=timezone.now(), error="boom")
    assert webhooks()["webhooks"] == "ok"
    assert webhooks()["failing_events"] == 1


def test_bank_debit_that_waits_for_days_is_not_a_missing_webhook(
    as_ada: Client, icons: ProductConfiguration
) -> None:
    """Stripe reports the order, and sends the next event when the bank has answered.

    https://docs.stripe.com/payments/bank-debits
    """
    press_buy(as_ada, icons)
    now = timezone.now()
    times = {"created_at": now - timedelta(days=3, minutes=5), "returned_at": now - timedelta(days=3)}
    Purchase.objects.update(status="processing", **times)
    assert webhook_health().is_silent  # no event since the buyer came to the shop
    WebhookEvent.objects.create(id="evt_1", type="checkout.session.completed", payload={}, stripe_created=now)
    WebhookEvent.objects.update(received_at=now - timedelta(days=3))
    assert not webhook_health().is_silent
