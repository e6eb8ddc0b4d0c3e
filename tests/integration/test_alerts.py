"""Problems that need the founder are e-mailed once a day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.core import mail as outbox
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from apps.ecommerce.models import (
    Alert,
    ExternalSale,
    Mail,
    Price,
    ProductConfiguration,
    Purchase,
    ReceiverCall,
    SalesProblem,
    ScheduledRun,
    WebhookEvent,
)
from apps.ecommerce.operations import reconcile
from apps.ecommerce.operations.alerts import check_shop, send_alerts
from apps.users.models import User
from tests.factories import LOCMEM, NO_MAIL_SERVER, buy, press_buy, set_email_url

pytestmark = pytest.mark.django_db(transaction=True)

TWO_HOURS = timedelta(hours=2)


def break_webhooks(as_ada: Client, icons: ProductConfiguration) -> None:
    press_buy(as_ada, icons)
    Purchase.objects.update(returned_at=timezone.now() - TWO_HOURS)


def break_events(as_ada: Client, icons: ProductConfiguration) -> None:
    WebhookEvent.objects.create(id="evt_1", type="x", payload={}, stripe_created=timezone.now(), error="boom")


def break_mails(as_ada: Client, icons: ProductConfiguration) -> None:
    buy(as_ada, icons)
    Mail.objects.update(sent_at=None, created_at=timezone.now() - TWO_HOURS)
    outbox.outbox.clear()


def refuse_address(as_ada: Client, icons: ProductConfiguration) -> None:
    buy(as_ada, icons)
    Mail.objects.update(sent_at=None, given_up_at=timezone.now())
    outbox.outbox.clear()


def break_worker(as_ada: Client, icons: ProductConfiguration) -> None:
    from django_tasks_db.models import DBTaskResult

    task = DBTaskResult.objects.create(
        args_kwargs={"args": [], "kwargs": {}},
        task_path="apps.ecommerce.purchases.emails.send_email",
        backend_name="default",
    )
    DBTaskResult.objects.filter(pk=task.pk).update(enqueued_at=timezone.now() - TWO_HOURS)


def charge_twice(as_ada: Client, icons: ProductConfiguration) -> None:
    price = icons.prices[0]
    for number in range(2):
        Purchase.objects.create(
            user=User.objects.get(email="ada@example.com"),
            email="ada@example.com",
            product=icons.product,
            price=price,
            status="active",
            currency=price.currency,
            livemode=False,
            subscription_id=f"sub_{number}",
            subscription_status="active",
        )


def delete_a_buyer(as_ada: Client, icons: ProductConfiguration) -> None:
    charge_twice(as_ada, icons)
    Purchase.objects.filter(subscription_id="sub_1").delete()
    User.objects.all().delete()


def refund_a_subscription(as_ada: Client, icons: ProductConfiguration) -> None:
    charge_twice(as_ada, icons)
    Purchase.objects.filter(subscription_id="sub_1").delete()
    Purchase.objects.update(suspended_by="refunded")


def break_receiver(as_ada: Client, icons: ProductConfiguration) -> None:
    purchase = buy(as_ada, icons)
    outbox.outbox.clear()
    ReceiverCall.objects.create(
        signal="access_granted",
        receiver="apps.shop.receivers.fail",
        event_id="access_granted:1",
        purchase=purchase,
        attempts=1,
        error="boom",
    )


def revoke_a_subscription(as_ada: Client, icons: ProductConfiguration) -> None:
    buy(as_ada, icons)
    running = {"subscription_id": "sub_1", "subscription_status": "active", "status": "active"}
    Purchase.objects.update(**running, revoked_at=timezone.now())
    outbox.outbox.clear()


def refuse_to_sell(as_ada: Client, icons: ProductConfiguration) -> None:
    now = timezone.now()
    SalesProblem.objects.create(code="account_invalid", message="No.", first_at=now, last_at=now)


def refuse_price(as_ada: Client, icons: ProductConfiguration) -> None:
    Price.objects.update(refusal="Too small.")


def miss_runs(as_ada: Client, icons: ProductConfiguration) -> None:
    times = {"started_at": timezone.now() - TWO_HOURS, "finished_at": timezone.now() - TWO_HOURS}
    ScheduledRun.objects.create(command="reconcile_purchases", **times)


def lose_owner(as_ada: Client, icons: ProductConfiguration) -> None:
    buy(as_ada, icons)
    Purchase.objects.update(user=None, email="")
    outbox.outbox.clear()


def pay_twice(as_ada: Client, icons: ProductConfiguration) -> None:
    purchase = buy(as_ada, icons)
    purchase.pk, purchase.public_id, purchase.session_id, purchase.order_number = None, uuid4(), "cs_2", ""
    purchase._state.adding = True
    purchase.save()
    outbox.outbox.clear()


def sell_elsewhere(as_ada: Client, icons: ProductConfiguration) -> None:
    price = icons.prices[0]
    values = {"price": price, "currency": price.currency, "amount": 1900, "livemode": False}
    ExternalSale.objects.create(id="cs_elsewhere", sold_at=timezone.now(), **values)


def use_up_keys(as_ada: Client, icons: ProductConfiguration) -> None:
    icons.licence_keys = ProductConfiguration.LicenceKeys.LISTED
    icons.save()
    buy(as_ada, icons)
    Mail.objects.all().delete()
    outbox.outbox.clear()


CAUSES: dict[str, Callable[[Client, ProductConfiguration], None]] = {
    "webhooks silent": break_webhooks,
    "events failing": break_events,
    "mails unsent": break_mails,
    "addresses refused": refuse_address,
    "worker silent": break_worker,
    "billed twice": charge_twice,
    "reversed but billed": refund_a_subscription,
    "revoked but billed": revoke_a_subscription,
    "receivers failing": break_receiver,
    "billed without account": delete_a_buyer,
    "reconcile overdue": miss_runs,
    "paid without owner": lose_owner,
    "paid twice": pay_twice,
    "sales unassigned": sell_elsewhere,
    "sales refused": refuse_to_sell,
    "prices refused": refuse_price,
    "licence keys missing": use_up_keys,
}


def test_every_alert_has_a_test_case() -> None:
    assert CAUSES.keys() == check_shop().keys()


@pytest.mark.parametrize("key", CAUSES)
def test_alert_is_sent_once_a_day(
    as_ada: Client, icons: ProductConfiguration, settings: Any, key: str
) -> None:
    settings.ADMINS = [("Founder", "founder@example.com")]
    assert send_alerts() == []
    CAUSES[key](as_ada, icons)
    for _ in range(3):
        assert len(send_alerts()) == 1
    (message,) = outbox.outbox
    assert message.to == ["founder@example.com"]
    assert key in message.subject
    Alert.objects.update(mailed_at=timezone.now() - timedelta(hours=25))
    send_alerts()
    assert len(outbox.outbox) == 2


def test_several_alerts_are_one_email_and_a_new_one_is_sent_at_once(
    as_ada: Client, icons: ProductConfiguration
) -> None:
    break_webhooks(as_ada, icons)
    break_worker(as_ada, icons)
    assert len(send_alerts()) == 2
    assert len(outbox.outbox) == 1
    break_events(as_ada, icons)
    send_alerts()
    assert [message.subject.rpartition(": ")[2] for message in outbox.outbox][1:] == ["events failing"]


def test_without_mail_server_alert_is_logged_and_sent_later(
    as_ada: Client, icons: ProductConfiguration, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    break_events(as_ada, icons)
    set_email_url(settings, NO_MAIL_SERVER)
    assert len(send_alerts()) == 1
    assert any("Alert (events failing)" in record.message for record in caplog.records)
    set_email_url(settings, LOCMEM)
    send_alerts()
    assert len(outbox.outbox) == 1


def run_reconcile() -> tuple[list[str], str]:
    """Run reconcile_purchases; return the subjects of its alerts and its error output."""
    outbox.outbox.clear()
    stderr = StringIO()
    call_command("reconcile_purchases", stdout=StringIO(), stderr=stderr)
    return [m.subject for m in outbox.outbox if m.to == [settings.ADMINS[0][1]]], stderr.getvalue()


def test_reconcile_alerts_about_lost_events(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    purchase = buy(as_ada, icons)
    assert run_reconcile() == ([], "")  # events a second old may still arrive
    Purchase.objects.filter(pk=purchase.pk).update(status="open")
    assert run_reconcile() == ([], "")  # other events arrive, so this one may still arrive
    WebhookEvent.objects.all().delete()
    Purchase.objects.filter(pk=purchase.pk).update(status="open")
    subjects, output = run_reconcile()
    assert [subject.rpartition(": ")[2] for subject in subjects] == ["events lost"]
    assert "1 repaired" in output


def test_reconcile_reports_undelivered_events(
    as_ada: Client, icons: ProductConfiguration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "IN_TRANSIT_SECONDS", -5)
    buy(as_ada, icons)
    assert "undelivered events processed" in run_reconcile()[1]


def test_dry_run_sends_no_alert(as_ada: Client, icons: ProductConfiguration) -> None:
    break_events(as_ada, icons)
    call_command("reconcile_purchases", "--dry-run", stdout=StringIO())
    assert outbox.outbox == []


def test_unreachable_stripe_sends_an_alert(
    icons: ProductConfiguration, disconnect_stripe: Callable[[], None]
) -> None:
    disconnect_stripe()
    with pytest.raises(CommandError, match="request to Stripe failed"):
        call_command("reconcile_purchases")
    assert "Stripe unreachable" in outbox.outbox[0].subject
