"""An operator cancels a subscription, now or when its period ends, and undoes the latter."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.ecommerce.models import OperatorAction, ProductConfiguration, Purchase
from apps.ecommerce.purchases.entitlements import has_access
from apps.ecommerce.purchases.fulfilment import sync_purchase
from tests.factories import buy
from tests.integration.test_refund_action import lose_answer
from tests.operator_actions import action_url, confirm, hidden_fields
from tests.stripe_actions import deliver, fail_renewal

pytestmark = pytest.mark.django_db


@pytest.fixture
def purchase(as_ada: Client, club: ProductConfiguration, sandbox: Any) -> Purchase:
    return buy(as_ada, club)


def at_stripe(sandbox: Any, purchase: Purchase) -> Any:
    return sandbox.client.v1.subscriptions.retrieve(purchase.subscription_id)


def test_cancel_now_ends_access_and_billing(as_olive: Client, purchase: Purchase, sandbox: Any) -> None:
    page = as_olive.get(action_url(purchase, "cancel"))
    assert "access ends at once" in " ".join(page.context["consequences"])
    assert confirm(as_olive, action_url(purchase, "cancel"), when="now").status_code == 302
    assert at_stripe(sandbox, purchase).status == "canceled"
    purchase.refresh_from_db()
    assert (has_access(purchase), purchase.will_be_charged_again) == (False, False)
    last = purchase.changes.last()
    assert last
    assert last.cause == "canceled by olive@example.com"
    assert as_olive.get(action_url(purchase, "cancel")).status_code == 302
    assert as_olive.get(action_url(purchase, "keep")).status_code == 302


def test_cancellation_at_the_end_of_the_period_can_be_undone(
    as_olive: Client, purchase: Purchase, sandbox: Any
) -> None:
    confirm(as_olive, action_url(purchase, "cancel"), when="period_end")
    assert at_stripe(sandbox, purchase).cancel_at_period_end is True
    purchase.refresh_from_db()
    assert (has_access(purchase), purchase.will_be_charged_again) == (True, False)
    form = as_olive.get(action_url(purchase, "cancel")).context["form"]
    assert [value for value, _label in form.fields["when"].choices] == ["now"]

    confirm(as_olive, action_url(purchase, "keep"))
    assert at_stripe(sandbox, purchase).cancel_at_period_end is False
    purchase.refresh_from_db()
    assert (purchase.cancel_at, purchase.will_be_charged_again) == (None, True)
    assert [entry.outcome for entry in OperatorAction.objects.all()] == ["done", "done"]


def test_subscription_with_a_schedule_is_canceled_at_the_end_of_the_period(
    as_olive: Client, purchase: Purchase, sandbox: Any
) -> None:
    """https://docs.stripe.com/billing/subscriptions/subscription-schedules: only the schedule decides about the end."""
    sandbox.client.v1.subscription_schedules.create({"from_subscription": purchase.subscription_id})
    confirm(as_olive, action_url(purchase, "cancel"), when="period_end")
    assert at_stripe(sandbox, purchase).cancel_at_period_end is True
    assert OperatorAction.objects.get().outcome == "done"


def test_end_that_a_schedule_has_set_is_undone(as_olive: Client, purchase: Purchase, sandbox: Any) -> None:
    sandbox.client.v1.subscriptions.update(purchase.subscription_id, {"cancel_at_period_end": True})
    sandbox.client.v1.subscription_schedules.create({"from_subscription": purchase.subscription_id})
    sync_purchase(purchase, "test")
    confirm(as_olive, action_url(purchase, "keep"))
    assert at_stripe(sandbox, purchase).cancel_at is None
    purchase.refresh_from_db()
    assert purchase.will_be_charged_again


def test_end_on_a_day_is_undone_too(as_olive: Client, purchase: Purchase, sandbox: Any) -> None:
    day = int(purchase.current_period_end.timestamp()) + 86400  # type: ignore[union-attr]
    sandbox.client.v1.subscriptions.update(purchase.subscription_id, {"cancel_at": day})
    deliver(sandbox, purchase)
    confirm(as_olive, action_url(purchase, "keep"))
    assert at_stripe(sandbox, purchase).cancel_at is None


def test_cancellation_that_the_buyer_has_already_undone_causes_no_error(
    as_olive: Client, purchase: Purchase, sandbox: Any
) -> None:
    confirm(as_olive, action_url(purchase, "cancel"), when="period_end")
    sandbox.client.v1.subscriptions.update(purchase.subscription_id, {"cancel_at_period_end": False})
    assert confirm(as_olive, action_url(purchase, "keep")).status_code == 302
    purchase.refresh_from_db()
    assert purchase.cancel_at is None


def test_overdue_subscription_can_only_end_now(as_olive: Client, purchase: Purchase, sandbox: Any) -> None:
    purchase = fail_renewal(sandbox, purchase)
    form = as_olive.get(action_url(purchase, "cancel")).context["form"]
    assert [value for value, _label in form.fields["when"].choices] == ["now"]
    response = confirm(as_olive, action_url(purchase, "cancel"), when="period_end")
    assert response.status_code == 200
    confirm(as_olive, action_url(purchase, "cancel"), when="now")
    assert at_stripe(sandbox, purchase).status == "canceled"


def test_subscription_that_ended_at_stripe_is_not_canceled_later(
    as_olive: Client, purchase: Purchase, sandbox: Any
) -> None:
    """The event about the end has not arrived."""
    sandbox.client.v1.subscriptions.cancel(purchase.subscription_id)
    response = confirm(as_olive, action_url(purchase, "cancel"), when="period_end")
    assert response.status_code == 302
    purchase.refresh_from_db()
    assert purchase.status == "canceled"
    assert OperatorAction.objects.get().outcome == "failed"


def test_subscription_that_ended_at_stripe_is_canceled_now(
    as_olive: Client, purchase: Purchase, sandbox: Any
) -> None:
    sandbox.client.v1.subscriptions.cancel(purchase.subscription_id)
    assert confirm(as_olive, action_url(purchase, "cancel"), when="now").status_code == 302
    assert OperatorAction.objects.get().outcome == "done"


def test_retry_after_a_lost_answer_uses_the_same_key(
    as_olive: Client, purchase: Purchase, sandbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = lose_answer(monkeypatch, f"/v1/subscriptions/{purchase.subscription_id}")
    url = action_url(purchase, "cancel")
    page = confirm(as_olive, url, when="period_end")
    assert "did not answer" in page.content.decode()
    fields = {"when": "period_end", **hidden_fields(page.content.decode())}
    assert as_olive.post(url, fields).status_code == 302
    assert len(keys) == 2
    assert len(set(keys)) == 1
    assert OperatorAction.objects.get().outcome == "done"


def test_form_that_is_sent_twice_cancels_once(as_olive: Client, purchase: Purchase, sandbox: Any) -> None:
    url = action_url(purchase, "cancel")
    fields = {"when": "now", **hidden_fields(as_olive.get(url).content.decode())}
    pages = [as_olive.post(url, fields, follow=True).content.decode() for _ in range(2)]
    assert all("The subscription is canceled." in page for page in pages)
    assert len(sandbox.events("customer.subscription.deleted")) == 1


def test_subscription_is_not_canceled_while_stripe_is_unreachable(
    as_olive: Client, purchase: Purchase, disconnect_stripe: Any
) -> None:
    disconnect_stripe()
    assert "did not answer" in confirm(as_olive, action_url(purchase, "cancel"), when="now").content.decode()
    purchase.refresh_from_db()
    assert purchase.will_be_charged_again


def test_refusal_of_stripe_is_shown(as_olive: Client, purchase: Purchase, sandbox: Any) -> None:
    path = f"POST /v1/subscriptions/{purchase.subscription_id}"
    sandbox.switches(
        api_status=400, api_code="x", api_message="Managed by a schedule.", api_times=1, api_path=path
    )
    page = confirm(as_olive, action_url(purchase, "cancel"), when="period_end")
    assert "Stripe refused: Managed by a schedule." in page.content.decode()


def test_one_time_purchase_has_nothing_to_cancel(
    as_olive: Client, as_ada: Client, icons: ProductConfiguration
) -> None:
    purchase = buy(as_ada, icons)
    for name in ("cancel", "keep"):
        assert as_olive.get(action_url(purchase, name)).status_code == 302


def test_cancellation_of_a_subscription_that_has_ended_is_not_undone(
    as_olive: Client, purchase: Purchase, sandbox: Any
) -> None:
    confirm(as_olive, action_url(purchase, "cancel"), when="period_end")
    url = action_url(purchase, "keep")
    fields = hidden_fields(as_olive.get(url).content.decode())
    sandbox.client.v1.subscriptions.update(purchase.subscription_id, {"cancel_at_period_end": False})
    sandbox.client.v1.subscriptions.cancel(purchase.subscription_id)  # the events have not arrived
    page = as_olive.post(url, fields, follow=True).content.decode()
    assert "has already ended" in page
    assert "The subscription goes on." not in page
    assert OperatorAction.objects.get(action="keep").outcome == "failed"
    purchase.refresh_from_db()
    assert purchase.status == "canceled"
