"""Events about any payment of a subscription find its purchase, also those that the store has never stored."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from django.test import Client

from apps.ecommerce import webhooks
from apps.ecommerce.models import Payment, ProductConfiguration, Purchase
from apps.ecommerce.purchases.fulfilment import sync_purchase
from stripe_sandbox import storage
from tests.factories import buy
from tests.stripe_actions import (
    deliver,
    dispute,
    fail_refund,
    find_invoices,
    paid_charges,
    payments,
    refund,
    renew,
    run_scheduled,
    split_invoice,
    win,
)

pytestmark = pytest.mark.django_db


def newest_event(sandbox: Any, event_type: str) -> dict[str, Any]:
    return copy.deepcopy(sandbox.events(event_type)[-1])


@pytest.fixture
def four_periods(as_ada: Client, club: ProductConfiguration, sandbox: Any) -> Purchase:
    """A subscription with four paid periods, in a database that lost its payments."""
    purchase = renew(sandbox, deliver(sandbox, buy(as_ada, club)), periods=3)
    Payment.objects.all().delete()
    sandbox.switches(drop=["*"])
    return purchase


@pytest.mark.parametrize("event_type", ["charge.refunded", "refund.created"])
def test_refund_of_the_second_period_finds_its_purchase(
    four_periods: Purchase, sandbox: Any, event_type: str
) -> None:
    refund(sandbox, paid_charges()[1], 250)
    webhooks.receive(newest_event(sandbox, event_type))
    assert [row.amount_refunded for row in payments(four_periods)] == [0, 250, 0, 0]


@pytest.mark.parametrize("event_type", ["refund.failed", "refund.updated"])
def test_failed_refund_of_the_second_period_finds_its_purchase(
    four_periods: Purchase, sandbox: Any, event_type: str
) -> None:
    failing = fail_refund(paid_charges()[1], 250)
    sync_purchase(four_periods, "test")
    Payment.objects.all().delete()
    run_scheduled(failing)
    webhooks.receive(newest_event(sandbox, event_type))
    assert [row.amount_refunded for row in payments(four_periods)] == [0, 0, 0, 0]


@pytest.mark.parametrize("event_type", ["created", "closed"])
def test_dispute_of_the_second_period_finds_its_purchase(
    four_periods: Purchase, sandbox: Any, event_type: str
) -> None:
    opened = dispute(paid_charges()[1])
    if event_type == "closed":
        win(opened)
    webhooks.receive(newest_event(sandbox, f"charge.dispute.{event_type}"))
    expected = "won" if event_type == "closed" else "needs_response"
    assert [row.dispute_status for row in payments(four_periods)] == ["", expected, "", ""]


def test_submitted_evidence_for_the_second_period_finds_its_purchase(
    four_periods: Purchase, sandbox: Any
) -> None:
    opened = dispute(paid_charges()[1])
    sandbox.client.v1.disputes.update(opened, {"evidence": {"uncategorized_text": "x"}, "submit": True})
    webhooks.receive(newest_event(sandbox, "charge.dispute.updated"))
    assert [row.dispute_status for row in payments(four_periods)] == ["", "under_review", "", ""]


def test_event_about_an_unknown_renewal_finds_its_purchase(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = deliver(sandbox, buy(as_ada, club))
    sandbox.switches(drop=["*"])
    renew(sandbox, purchase, periods=2)
    assert len(payments(purchase)) == 1
    refund(sandbox, paid_charges()[1], 250)
    webhooks.receive(newest_event(sandbox, "refund.created"))
    assert [row.amount_refunded for row in payments(purchase)] == [0, 250, 0]


def test_event_about_a_known_payment_needs_no_lookup_at_stripe(
    as_ada: Client, club: ProductConfiguration, sandbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from apps.ecommerce.purchases.payments import stored_payments as lookup

    purchase = renew(sandbox, deliver(sandbox, buy(as_ada, club)), periods=2)
    refund(sandbox, paid_charges()[1], 250)
    requests: list[str] = []
    monkeypatch.setattr(lookup, "fetch", lambda path, **_params: requests.append(path))
    webhooks.receive(newest_event(sandbox, "refund.created"))
    assert payments(purchase)[1].amount_refunded == 250
    assert requests == []


def test_refund_of_a_one_time_purchase_finds_it_without_rows(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    purchase = deliver(sandbox, buy(as_ada, icons))
    Payment.objects.all().delete()
    refund(sandbox, paid_charges()[0], 250)
    webhooks.receive(newest_event(sandbox, "refund.created"))
    assert [row.amount_refunded for row in payments(purchase)] == [250]


def test_each_payment_of_a_split_invoice_finds_its_purchase(four_periods: Purchase, sandbox: Any) -> None:
    parts = split_invoice(find_invoices()[1]["id"], [("payment_intent", 500), ("payment_intent", 400)])
    for number, charge_id in enumerate(parts, start=1):
        refund(sandbox, storage.get(charge_id) or {}, 100)
        webhooks.receive(newest_event(sandbox, "refund.created"))
        assert [row.amount_refunded for row in payments(four_periods)] == [0, 100 * number, 0, 0]
        Payment.objects.all().delete()


def test_event_about_another_shops_payment_changes_nothing(four_periods: Purchase, sandbox: Any) -> None:
    charge = paid_charges()[1]
    intent = storage.get(charge["payment_intent"]) or {}
    other = charge | {"id": "ch_other", "payment_intent": "pi_other", "customer": None}
    storage.put(intent | {"id": "pi_other", "latest_charge": "ch_other"})
    storage.put(other)
    refund(sandbox, other, 250)
    webhooks.receive(newest_event(sandbox, "refund.created"))
    assert payments(four_periods) == []
    assert Purchase.objects.get().version == four_periods.version


@pytest.mark.parametrize("act", ["refund", "dispute"])
def test_event_about_a_charge_without_payment_intent_finds_its_purchase(
    as_ada: Client, club: ProductConfiguration, sandbox: Any, act: str
) -> None:
    """An invoice may be paid by a charge that has no payment intent."""
    purchase = renew(sandbox, deliver(sandbox, buy(as_ada, club)), periods=2)
    (charge_id,) = split_invoice(find_invoices()[1]["id"], [("charge", 900)])
    purchase = sync_purchase(purchase, "test")
    assert [row.charge_id for row in payments(purchase)][1] == charge_id
    charge = storage.get(charge_id) or {}
    if act == "refund":
        refund(sandbox, charge, 250)
        assert newest_event(sandbox, "refund.created")["data"]["object"]["payment_intent"] is None
    else:
        dispute(charge)
    deliver(sandbox, purchase)
    row = payments(purchase)[1]
    assert (row.amount_refunded, row.dispute_status) in [(250, ""), (0, "needs_response")]
