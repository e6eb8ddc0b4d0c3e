"""At each step of a purchase, Stripe is slow or unavailable or sends invalid responses; the store recovers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.core import mail as outbox
from django.core.management import CommandError, call_command
from django.test import Client

from apps.ecommerce.models import Product, ProductConfiguration, Purchase
from apps.ecommerce.stripe_api import client as stripe_client
from apps.ecommerce.stripe_api import transport
from stripe_sandbox.transport import InProcessClient
from tests.factories import first_price, pay, press_buy, readiness, url_path
from tests.faulty_stripe import FAULTS, FaultyStripe, faulty_stripe

pytestmark = pytest.mark.django_db
HOUR = 3600


class StripeWithFaults:
    """Start and stop faults of the server; a slow fault also shortens the store's timeout."""

    def __init__(self, server: FaultyStripe, patch: pytest.MonkeyPatch) -> None:
        self.server, self.patch = server, patch
        self.waits = {name: getattr(transport, name) for name in ("TIMEOUT_SECONDS", "DEADLINE_SECONDS")}

    def start_fault(self, fault: str) -> None:
        for name, seconds in self.waits.items():
            self.patch.setattr(transport, name, 0.3 if FAULTS[fault].slow else seconds)
        stripe_client._client.cache_clear()  # a client's timeout is fixed when it is created
        self.server.start_fault(fault)

    def stop_fault(self) -> None:
        self.server.stop_fault()
        for name, seconds in self.waits.items():
            self.patch.setattr(transport, name, seconds)
        stripe_client._client.cache_clear()


@pytest.fixture
def stripe_with_faults(
    sandbox: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[StripeWithFaults]:
    monkeypatch.setattr(transport, "PAUSE_SECONDS", 0)
    settings.STRIPE_HTTP_CLIENT = ""
    with faulty_stripe(InProcessClient().request) as server:
        settings.STRIPE_API_BASE = server.address
        yield StripeWithFaults(server, monkeypatch)


@pytest.mark.parametrize("fault", FAULTS)
def test_purchase_survives_a_fault_at_each_step(
    fault: str,
    as_ada: Client,
    icons: ProductConfiguration,
    sandbox: Any,
    stripe_with_faults: StripeWithFaults,
) -> None:
    stripe_with_faults.start_fault(fault)
    refused = as_ada.post("/store/icon-set/buy/", {"price": first_price(icons).id}, follow=True)
    assert "message--error" in refused.content.decode()
    stripe_with_faults.stop_fault()
    back = url_path(pay(press_buy(as_ada, icons)))

    stripe_with_faults.start_fault(fault)
    purchase = Purchase.objects.get(status="open")
    order = purchase.get_absolute_url()
    for page in (back, f"{order}status/", order):
        Purchase.objects.update(synced_at=None)  # make the next refresh due
        shown = as_ada.get(page)
        assert shown.status_code == 200
        assert 'data-state="confirming"' in shown.content.decode(), page
    sandbox.deliver()
    assert 500 in {attempt["status"] for attempt in sandbox.attempts()}
    assert readiness().json()["failing_events"] >= 1

    stripe_with_faults.stop_fault()
    sandbox.deliver(after=HOUR)
    purchase.refresh_from_db()
    assert purchase.status == "paid"
    assert list(purchase.changes.values_list("to_status", flat=True)) == ["open", "paid"]
    assert list(purchase.mails.values_list("kind", flat=True)) == ["confirmed"]
    assert readiness().json()["failing_events"] == 0

    stripe_with_faults.start_fault(fault)
    refused = as_ada.post(f"{order}manage/", follow=True)
    assert "message--error" in refused.content.decode()


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_sends_an_alert_and_changes_no_product(
    fault: str, icons: ProductConfiguration, stripe_with_faults: StripeWithFaults, settings: Any
) -> None:
    stripe_with_faults.start_fault(fault)
    with pytest.raises(CommandError, match="request to Stripe failed"):
        call_command("reconcile_purchases")
    assert [message.to for message in outbox.outbox] == [[email for _name, email in settings.ADMINS]]
    with pytest.raises(CommandError, match="Stripe"):
        call_command("bootstrap_ecommerce")
    assert Product.objects.get().active
    output = StringIO()
    with pytest.raises(SystemExit):
        call_command("stripe_doctor", stdout=output, no_color=True)
    assert output.getvalue().splitlines()[-1].startswith("FAIL Stripe can't be reached")
    stripe_with_faults.stop_fault()
    call_command("reconcile_purchases", stdout=StringIO())
    call_command("bootstrap_ecommerce", stdout=StringIO())
    assert Product.objects.get().active


def test_doctor_reports_stripe_failing_after_its_first_response(
    icons: ProductConfiguration, stripe_with_faults: StripeWithFaults
) -> None:
    answer = stripe_with_faults.server.answer

    def respond_once(handler: Any) -> None:
        answer(handler)
        stripe_with_faults.start_fault("500")

    stripe_with_faults.server.answer = respond_once  # type: ignore[method-assign]
    output = StringIO()
    with pytest.raises(SystemExit):
        call_command("stripe_doctor", stdout=output, no_color=True)
    assert "ok   Account" in output.getvalue()
    assert output.getvalue().splitlines()[-1].startswith("FAIL Stripe can't be reached")


def test_pages_do_not_wait_after_one_has_timed_out(
    as_ada: Client,
    icons: ProductConfiguration,
    stripe_with_faults: StripeWithFaults,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A hanging Stripe must not occupy every thread of the shop."""
    monkeypatch.setattr(transport, "PAUSE_SECONDS", 60)
    form = {"price": first_price(icons).id}
    stripe_with_faults.start_fault("slow")
    as_ada.post("/store/icon-set/buy/", form)
    while not (count := len(stripe_with_faults.server.requests)):  # the request continues in its thread
        time.sleep(0.01)
    for _ in range(5):
        refused = as_ada.post("/store/icon-set/buy/", form, follow=True)
        assert "message--error" in refused.content.decode()
    assert len(stripe_with_faults.server.requests) == count
    stripe_with_faults.stop_fault()
    monkeypatch.setattr(time, "monotonic", lambda now=time.monotonic: now() + 61)
    assert pay(press_buy(as_ada, icons))
