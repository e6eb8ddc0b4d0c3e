"""Problems that need the founder are sent once while they last, and what has happened is sent once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.core import mail as outbox
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from apps.ecommerce.back_office.needs_attention import find_items
from apps.ecommerce.models import (
    Alert,
    ExternalSale,
    Mail,
    Payment,
    Price,
    ProductConfiguration,
    Purchase,
    ReceiverCall,
    Refund,
    SalesProblem,
    ScheduledRun,
    WebhookEvent,
)
from apps.ecommerce.operations import alert_channels, alerts, reconcile
from apps.ecommerce.operations.alert_channels import Message
from apps.ecommerce.operations.alert_names import ALERT_NAMES, ONCE
from apps.ecommerce.operations.alerts import send_alerts
from apps.ecommerce.operations.problems import Problem
from apps.ecommerce.operations.shop_checks import check_shop
from apps.ecommerce.purchases.fulfilment import sync_purchase
from apps.users.models import User
from tests.factories import LOCMEM, NO_MAIL_SERVER, add_file, buy, press_buy, set_email_url
from tests.stripe_actions import deliver, dispute, lose, paid_charges, renew

pytestmark = pytest.mark.django_db(transaction=True)

TWO_HOURS = timedelta(hours=2)


def break_webhooks(as_ada: Client, icons: ProductConfiguration) -> None:
    press_buy(as_ada, icons)
    Purchase.objects.update(returned_at=timezone.now() - TWO_HOURS)


def break_events(as_ada: Client, icons: ProductConfiguration) -> None:
    values = {"type": "x", "payload": {}, "stripe_created": timezone.now(), "attempts": 3}
    WebhookEvent.objects.create(id="evt_1", error="boom", **values)


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
        task_path="apps.ecommerce.purchases.emails.queue.send_email",
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


def lose_file(as_ada: Client, icons: ProductConfiguration) -> None:
    version = add_file(icons).versions.get()
    version.upload.storage.delete(version.upload.name)
    Alert.objects.create(name="file-missing", about=str(version.pk), message="", found_at=timezone.now())


def fail_a_refund(as_ada: Client, icons: ProductConfiguration) -> None:
    payment = buy(as_ada, icons).payments.get()
    values = {"amount": 1900, "currency": "usd", "livemode": False, "created_at": timezone.now()}
    Refund.objects.create(payment=payment, stripe_id="re_1", status="failed", **values)
    outbox.outbox.clear()


def open_dispute(as_ada: Client, icons: ProductConfiguration) -> None:
    purchase = buy(as_ada, icons)
    purchase.payments.update(
        dispute_id="du_1",
        dispute_reason="product_not_received",
        dispute_status="needs_response",
        dispute_amount=1900,
        disputed_at=timezone.now(),
        dispute_due_by=datetime(2027, 1, 15, 22, 59, tzinfo=UTC),
    )
    outbox.outbox.clear()


def use_up_keys(as_ada: Client, icons: ProductConfiguration) -> None:
    icons.licence_keys = ProductConfiguration.LicenceKeys.LISTED
    icons.save()
    buy(as_ada, icons)
    Mail.objects.all().delete()
    outbox.outbox.clear()


CAUSES: dict[str, Callable[[Client, ProductConfiguration], None]] = {
    "webhooks-silent": break_webhooks,
    "event-failed": break_events,
    "mails-unsent": break_mails,
    "addresses-refused": refuse_address,
    "worker-silent": break_worker,
    "billed-twice": charge_twice,
    "reversed-but-billed": refund_a_subscription,
    "refund-failed": fail_a_refund,
    "revoked-but-billed": revoke_a_subscription,
    "receivers-failing": break_receiver,
    "billed-without-account": delete_a_buyer,
    "reconcile-overdue": miss_runs,
    "paid-without-owner": lose_owner,
    "paid-twice": pay_twice,
    "sales-unassigned": sell_elsewhere,
    "sales-refused": refuse_to_sell,
    "prices-refused": refuse_price,
    "dispute-opened": open_dispute,
    "file-missing": lose_file,
    "licence-keys-missing": use_up_keys,
}


@pytest.fixture(autouse=True)
def founder(settings: Any) -> None:
    settings.ADMINS = [("Founder", "founder@example.com")]
    settings.DEBUG = False
    settings.ALERTS_OFF = []


def names() -> list[str]:
    """Return the names of the alerts of each e-mail to the founder."""
    founders = [message for message in outbox.outbox if message.to == ["founder@example.com"]]
    return [str(message.subject).rpartition(": ")[2] for message in founders]


def age_alerts(hours: float) -> None:
    """Let time pass since everything that has happened to the alerts."""
    ago = timedelta(hours=hours)
    for alert in Alert.objects.all():
        for name in ("found_at", "solved_at", "mailed_at", "posted_at", "mailing_at", "posting_at"):
            if moment := getattr(alert, name):
                setattr(alert, name, moment - ago)
        alert.save()


def test_every_alert_has_a_test_case() -> None:
    assert CAUSES.keys() == check_shop().keys()
    # Problems that reconcile_purchases reports, tested below.
    by_runs = {"reconcile-repaired", "reconcile-failing", "stripe-unreachable", "daily-digest"}
    assert CAUSES.keys() | by_runs == {*ALERT_NAMES}
    assert {*ONCE} < {*ALERT_NAMES}


@pytest.mark.parametrize("name", CAUSES)
def test_alert_is_sent_once_while_the_problem_lasts(
    as_ada: Client, icons: ProductConfiguration, name: str
) -> None:
    assert send_alerts() == []
    CAUSES[name](as_ada, icons)
    for _ in range(3):
        send_alerts()
        age_alerts(hours=30)
    assert names() == [name]
    assert Alert.objects.get().message in str(outbox.outbox[0].body)


@pytest.mark.parametrize("name", CAUSES)
def test_alert_can_be_switched_off(
    as_ada: Client, icons: ProductConfiguration, settings: Any, name: str
) -> None:
    settings.ALERTS_OFF = [name]
    CAUSES[name](as_ada, icons)
    assert send_alerts() == []
    assert names() == []
    settings.ALERTS_OFF = []
    if name != "file-missing":  # sent when the file is requested
        send_alerts()
        assert names() == [name]


def test_several_alerts_are_one_email_and_a_new_one_is_sent_at_once(
    as_ada: Client, icons: ProductConfiguration
) -> None:
    break_webhooks(as_ada, icons)
    break_worker(as_ada, icons)
    assert len(send_alerts()) == 2
    assert names() == ["webhooks-silent, worker-silent"]
    break_events(as_ada, icons)
    assert len(send_alerts()) == 1
    assert names()[1:] == ["event-failed"]


def test_problem_that_comes_back_is_sent_again(as_ada: Client, icons: ProductConfiguration) -> None:
    break_worker(as_ada, icons)
    send_alerts()
    repair_worker()
    send_alerts()
    age_alerts(hours=2)
    break_worker(as_ada, icons)
    send_alerts()
    assert names() == ["worker-silent"] * 2


def test_problem_that_comes_and_goes_is_sent_once_an_hour(
    as_ada: Client, icons: ProductConfiguration
) -> None:
    for _ in range(7):  # two hours pass
        break_worker(as_ada, icons)
        send_alerts()
        age_alerts(hours=1 / 6)
        repair_worker()
        send_alerts()
        age_alerts(hours=1 / 6)
    assert names() == ["worker-silent"] * 3  # at the beginning, after 60 and after 120 minutes


def repair_worker() -> None:
    from django_tasks_db.models import DBTaskResult

    DBTaskResult.objects.all().delete()


def test_without_digest_a_problem_is_sent_again_after_seven_days(
    as_ada: Client, icons: ProductConfiguration, settings: Any
) -> None:
    settings.ALERTS_OFF = ["daily-digest"]
    break_worker(as_ada, icons)
    open_dispute(as_ada, icons)
    send_alerts()
    age_alerts(hours=6 * 24)
    send_alerts()
    assert len(names()) == 1
    age_alerts(hours=25)
    send_alerts()
    assert names()[1:] == ["worker-silent"]  # the dispute has happened once


def test_each_failed_event_is_sent_once(as_ada: Client, icons: ProductConfiguration) -> None:
    break_events(as_ada, icons)
    send_alerts()
    values = {"type": "y", "payload": {}, "stripe_created": timezone.now(), "error": "Traceback\nKeyError: 1"}
    WebhookEvent.objects.create(id="evt_2", **values, attempts=1)
    send_alerts()
    assert names() == ["event-failed"]  # the second one is tried again
    WebhookEvent.objects.filter(id="evt_2").update(received_at=timezone.now() - TWO_HOURS)
    send_alerts()
    assert names() == ["event-failed"] * 2
    assert "evt_1" not in outbox.outbox[1].body
    assert "KeyError: 1" in outbox.outbox[1].body
    WebhookEvent.objects.update(attempts=9)
    send_alerts()
    assert len(names()) == 2


def test_many_alerts_of_a_name_are_counted(as_ada: Client, icons: ProductConfiguration) -> None:
    for number in range(8):
        values = {"type": "x", "payload": {}, "stripe_created": timezone.now(), "error": "boom"}
        WebhookEvent.objects.create(id=f"evt_{number}", **values, attempts=3)
    send_alerts()
    assert names() == ["event-failed"]
    assert str(outbox.outbox[0].body).count("boom") == 5
    assert "3 more alerts “event-failed”" in outbox.outbox[0].body


def test_without_mail_server_alert_is_logged_and_sent_later(
    as_ada: Client, icons: ProductConfiguration, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    break_events(as_ada, icons)
    set_email_url(settings, NO_MAIL_SERVER)
    assert len(send_alerts()) == 1
    assert any("Alert (event-failed)" in record.message for record in caplog.records)
    assert any("could not be sent by e-mail" in record.message for record in caplog.records)
    set_email_url(settings, LOCMEM)
    send_alerts()
    assert names() == ["event-failed"]


# --- Disputes ---------------------------------------------------------------------------------------------
def test_dispute_is_sent_after_the_webhook_with_what_the_founder_needs(
    as_ada: Client, icons: ProductConfiguration, sandbox: Any
) -> None:
    purchase = deliver(sandbox, buy(as_ada, icons))
    outbox.outbox.clear()
    dispute_id = dispute(paid_charges()[0])
    deliver(sandbox, purchase)
    assert names() == ["dispute-opened"]
    (message,) = [message for message in outbox.outbox if message.to == ["founder@example.com"]]
    body = str(message.body)
    payment = purchase.payments.get()
    assert payment.dispute_id == dispute_id
    due_by = f"{payment.dispute_due_by:%Y-%m-%d %H:%M} UTC"
    reason = payment.dispute_reason.replace("_", " ")
    for part in ("$19.00", reason, purchase.order_number, "ada@example.com", due_by):
        assert part in body
    assert f"{settings.SITE_URL}/admin/ecommerce/purchase/{purchase.pk}/change/" in body
    assert f"{settings.SITE_URL}/stripe-sandbox/" in body
    send_alerts()
    lose(dispute_id)
    deliver(sandbox, purchase)
    age_alerts(hours=200)
    send_alerts()
    assert len(names()) == 1


def test_dispute_of_a_renewal_whose_webhook_was_lost_is_sent_by_reconcile(
    as_ada: Client, club: ProductConfiguration, sandbox: Any
) -> None:
    purchase = renew(sandbox, deliver(sandbox, buy(as_ada, club)))
    outbox.outbox.clear()
    dispute(paid_charges()[-1])
    sync_purchase(Purchase.objects.get(pk=purchase.pk), "reconcile")
    send_alerts()
    assert names() == ["dispute-opened"]
    assert "a renewal" in outbox.outbox[-1].body
    assert purchase.order_number in outbox.outbox[-1].body


def test_time_limit_of_a_dispute_is_in_the_time_zone_of_the_shop(
    as_ada: Client, icons: ProductConfiguration, settings: Any
) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    open_dispute(as_ada, icons)
    send_alerts()
    assert "Respond by 2027-01-15 23:59 CET" in outbox.outbox[0].body
    assert "product not received" in outbox.outbox[0].body


def test_inquiry_and_dispute_that_is_lost_at_once_are_sent(
    as_ada: Client, icons: ProductConfiguration, club: ProductConfiguration
) -> None:
    open_dispute(as_ada, icons)
    Payment.objects.update(dispute_status="warning_needs_response")
    send_alerts()
    assert "A bank asks about a payment" in outbox.outbox[0].body
    Payment.objects.update(dispute_id="du_2", dispute_status="lost")
    send_alerts()
    assert names() == ["dispute-opened"] * 2
    assert "Its status is “lost”." in outbox.outbox[1].body
    Payment.objects.update(dispute_id="du_3", disputed_at=timezone.now() - timedelta(days=8))
    send_alerts()
    assert len(names()) == 2  # old, and nothing can be done


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
    assert run_reconcile() == ([], "")  # an event that is a second old may still arrive
    Purchase.objects.filter(pk=purchase.pk).update(status="open")
    assert run_reconcile() == ([], "")  # while other events arrive, the missing one may still arrive
    WebhookEvent.objects.all().delete()
    Purchase.objects.filter(pk=purchase.pk).update(status="open")
    subjects, output = run_reconcile()
    assert [subject.rpartition(": ")[2] for subject in subjects] == ["reconcile-repaired"]
    assert purchase.order_number in outbox.outbox[-1].body
    assert run_reconcile()[0] == []
    WebhookEvent.objects.all().delete()
    Purchase.objects.filter(pk=purchase.pk).update(status="open")
    assert len(run_reconcile()[0]) == 1  # another repair of the same purchase
    assert f"{purchase.order_number}: not paid yet ▶ paid" in output


def test_reconcile_reports_undelivered_events(
    as_ada: Client, icons: ProductConfiguration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "IN_TRANSIT_SECONDS", -5)
    buy(as_ada, icons)
    subjects, output = run_reconcile()
    assert [subject.rpartition(": ")[2] for subject in subjects] == ["reconcile-repaired"]
    assert "checkout.session.completed" in output or "▶" in output


def test_dry_run_sends_no_alert(as_ada: Client, icons: ProductConfiguration) -> None:
    break_events(as_ada, icons)
    call_command("reconcile_purchases", "--dry-run", stdout=StringIO())
    assert outbox.outbox == []


def test_unreachable_stripe_sends_an_alert_until_it_answers(
    icons: ProductConfiguration, disconnect_stripe: Callable[[], None], settings: Any
) -> None:
    settings.ALERTS_OFF = ["daily-digest"]
    disconnect_stripe()
    for _ in range(2):
        with pytest.raises(CommandError, match="request to Stripe failed"):
            call_command("reconcile_purchases")
    assert names() == ["stripe-unreachable"]
    (item,) = find_items()
    assert "can't reach Stripe" in item.title
    send_alerts({"stripe-unreachable": []})  # reconcile_purchases was successful
    assert find_items() == []


def test_two_runs_at_the_same_time_store_an_alert_once(
    as_ada: Client, icons: ProductConfiguration, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_worker(as_ada, icons)
    open_dispute(as_ada, icons)
    both = Barrier(2, timeout=20)
    bulk_create = Alert.objects.bulk_create

    def create_together(*arguments: Any, **options: Any) -> list[Alert]:
        both.wait()  # both have found no stored alert
        return bulk_create(*arguments, **options)

    monkeypatch.setattr(Alert.objects, "bulk_create", create_together)
    with ThreadPoolExecutor(2) as threads:
        for run in [threads.submit(run_in_thread, send_alerts) for _ in range(2)]:
            run.result()
    assert sorted(name for subject in names() for name in subject.split(", ")) == [
        "dispute-opened",
        "worker-silent",
    ]
    assert Alert.objects.count() == 2


def test_run_during_the_sending_of_another_run_sends_nothing(
    as_ada: Client, icons: ProductConfiguration, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_worker(as_ada, icons)
    sent: list[Message] = []

    def send(message: Message) -> None:
        sent.append(message)
        if len(sent) < 3:
            send_alerts()

    channel = replace(alert_channels.EMAIL, send=send)
    monkeypatch.setattr(alert_channels, "CHANNELS", (channel,))
    send_alerts()
    assert len(sent) == 1


def test_a_check_that_began_earlier_does_not_count_a_problem_as_solved(
    as_ada: Client, icons: ProductConfiguration, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = alerts.check_shop

    def check_slowly() -> dict[str, list[Problem]]:
        found = check()
        monkeypatch.setattr(alerts, "check_shop", check)
        break_worker(as_ada, icons)
        send_alerts()  # called by another process
        return found

    monkeypatch.setattr(alerts, "check_shop", check_slowly)
    send_alerts()
    assert Alert.objects.get().solved_at is None
    age_alerts(hours=2)
    send_alerts()
    assert names() == ["worker-silent"]


def run_in_thread(act: Callable[[], object]) -> None:
    try:
        act()
    finally:
        connection.close()


def test_alert_of_a_process_that_has_crashed_is_sent_by_another_one(
    as_ada: Client, icons: ProductConfiguration
) -> None:
    break_worker(as_ada, icons)
    alerts.store_problems(check_shop(), timezone.now())
    Alert.objects.update(mailing_at=timezone.now())
    send_alerts()
    assert names() == []
    age_alerts(hours=1 / 5)
    send_alerts()
    assert names() == ["worker-silent"]
