"""Failed webhooks of an order are processed again, from the order and from the list."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.ecommerce import webhooks
from apps.ecommerce.back_office.roles import SUPPORT
from apps.ecommerce.models import Mail, OperatorAction, ProductConfiguration, Purchase, WebhookEvent
from apps.users.models import User
from tests.factories import buy, pay, press_buy, signed_in
from tests.integration.test_operator import confirm_rows
from tests.operator_actions import action_url, confirm, hidden_fields

pytestmark = pytest.mark.django_db


@pytest.fixture
def failed(as_ada: Client, icons: ProductConfiguration, sandbox: Any) -> Purchase:
    """Return a paid order whose webhook could not be processed."""
    pay(press_buy(as_ada, icons))
    sandbox.switches(api_status=500, api_times=999, api_path="/v1/checkout/sessions/*")
    sandbox.deliver()
    sandbox.switches(api_times=0)
    assert WebhookEvent.objects.filter(processed_at=None).exists()
    return Purchase.objects.get()


def order_page(operator: Client, purchase: Purchase) -> str:
    return operator.get(reverse("admin:ecommerce_purchase_change", args=[purchase.pk])).content.decode()


def test_failed_events_are_reached_from_the_order(as_olive: Client, failed: Purchase) -> None:
    page = order_page(as_olive, failed)
    assert "was not processed" in page
    assert action_url(failed, "process-events") in page
    assert confirm(as_olive, action_url(failed, "process-events")).status_code == 302
    failed.refresh_from_db()
    assert failed.status == "paid"
    assert not WebhookEvent.objects.filter(processed_at=None).exists()
    entry = OperatorAction.objects.get()
    assert (entry.action, entry.outcome, entry.purchase) == ("process-events", "done", failed)
    assert "was not processed" not in order_page(as_olive, failed)
    assert as_olive.get(action_url(failed, "process-events")).status_code == 302


@pytest.mark.parametrize(("seconds", "is_shown"), [(5, False), (120, True)])
def test_event_that_is_being_processed_has_not_failed(
    as_olive: Client, failed: Purchase, seconds: int, is_shown: bool
) -> None:
    received_at = timezone.now() - timedelta(seconds=seconds)
    WebhookEvent.objects.filter(processed_at=None).update(error="", received_at=received_at)
    assert ("was not processed" in order_page(as_olive, failed)) == is_shown


def test_events_of_other_orders_are_left_alone(
    as_olive: Client, failed: Purchase, as_bob: Client, icons: ProductConfiguration
) -> None:
    other = buy(as_bob, icons)
    assert action_url(other, "process-events") not in order_page(as_olive, other)


def test_message_says_why_an_event_fails_again(
    as_olive: Client, failed: Purchase, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any) -> None:
        raise LookupError("your own handler")

    monkeypatch.setitem(webhooks.HANDLERS, "checkout.session.completed", [fail])
    page = confirm(as_olive, action_url(failed, "process-events")).content.decode()
    assert "LookupError: your own handler" in page
    assert OperatorAction.objects.get().outcome == "failed"


def test_event_is_not_processed_while_stripe_is_unreachable(
    as_olive: Client, failed: Purchase, disconnect_stripe: Any
) -> None:
    disconnect_stripe()
    page = confirm(as_olive, action_url(failed, "process-events")).content.decode()
    assert "did not answer" in page
    assert OperatorAction.objects.get().outcome == "interrupted"


def test_list_asks_to_confirm_and_logs_each_event(as_olive: Client, failed: Purchase) -> None:
    events = list(WebhookEvent.objects.filter(processed_at=None).values_list("pk", flat=True))
    url = reverse("admin:ecommerce_webhookevent_changelist")
    action = {"action": "process_again", "_selected_action": events}
    page = as_olive.post(url, action).content.decode()
    assert not OperatorAction.objects.exists()
    fields = hidden_fields(page)
    for _ in range(2):
        as_olive.post(url, {**action, **fields})
    assert sorted(OperatorAction.objects.values_list("subject", flat=True)) == sorted(events)
    failed.refresh_from_db()
    assert failed.status == "paid"


def test_support_may_not_process_events_refresh_or_send(bob: User, failed: Purchase) -> None:
    bob.is_staff = True
    bob.save()
    bob.groups.add(Group.objects.get(name=SUPPORT))
    support = signed_in(bob)
    tries = [("webhookevent", "process_again"), ("purchase", "refresh"), ("mail", "send_now")]
    Mail.objects.create(purchase=failed, kind="waiting", about="x")
    for model, action in tries:
        url = reverse(f"admin:ecommerce_{model}_changelist")
        rows = {"webhookevent": WebhookEvent, "purchase": Purchase, "mail": Mail}[model].objects
        keys = list(rows.values_list("pk", flat=True))
        token = "00000000-0000-4000-8000-000000000000"
        support.post(url, {"action": action, "_selected_action": keys, "token": token}, follow=True)
    assert not OperatorAction.objects.exists()
    assert WebhookEvent.objects.filter(processed_at=None).exists()
    failed.refresh_from_db()
    assert failed.status == "open"
    bob.user_permissions.add(Permission.objects.get(codename="process_event"))
    events = list(WebhookEvent.objects.values_list("pk", flat=True))
    action = {"action": "process_again", "_selected_action": events}
    confirm_rows(support, reverse("admin:ecommerce_webhookevent_changelist"), action)
    failed.refresh_from_db()
    assert failed.status == "paid"


def test_list_stops_when_stripe_is_unreachable(
    as_olive: Client, failed: Purchase, as_bob: Client, icons: ProductConfiguration, disconnect_stripe: Any
) -> None:
    buy(as_bob, icons)
    disconnect_stripe()
    action = {"action": "refresh", "_selected_action": list(Purchase.objects.values_list("pk", flat=True))}
    page = confirm_rows(as_olive, reverse("admin:ecommerce_purchase_changelist"), action)
    assert page.content.decode().count("did not answer") == 1
    assert OperatorAction.objects.count() == 1


def test_unsent_emails_are_sent_from_the_list(as_olive: Client, failed: Purchase) -> None:
    confirm(as_olive, action_url(failed, "refresh"))
    Mail.objects.update(sent_at=None, sending_at=None)
    keys = list(Mail.objects.values_list("pk", flat=True))
    action = {"action": "send_now", "_selected_action": keys}
    page = confirm_rows(as_olive, reverse("admin:ecommerce_mail_changelist"), action).content.decode()
    assert "The e-mail was sent to ada@example.com." in page
    assert not Mail.objects.filter(sent_at=None).exists()
    assert OperatorAction.objects.filter(action="resend", purchase=failed, outcome="done").count() == len(
        keys
    )
