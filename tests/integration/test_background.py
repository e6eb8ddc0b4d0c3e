"""Background tasks commit with the change, run in a worker and raise an alert when overdue."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as site
from django.core import mail as outbox
from django.core.management import call_command
from django.db import transaction
from django.test import Client
from django.utils import timezone
from django_tasks_db.management.commands.db_worker import Worker
from django_tasks_db.models import DBTaskResult

from apps.ecommerce.models import Mail, ProductConfiguration
from apps.ecommerce.purchases import emails
from apps.users.emails import MAX_ATTEMPTS
from apps.users.models import User
from config import service_settings
from tests.databases import environment
from tests.factories import (
    LOCMEM,
    NO_MAIL_SERVER,
    bought,
    mail_by,
    path_of,
    readiness,
    sent_kinds,
    signed_in,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def queue(settings: Any) -> None:
    """As with TASKS_BACKEND=database."""
    settings.TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}


def work() -> None:
    """What `manage.py db_worker --batch` does."""
    Worker(
        queue_names=["default"],
        interval=0,
        batch=True,
        backend_name="default",
        startup_delay=False,
        max_tasks=None,
        worker_id="test",
        excluded_queue_names=[],
    ).run()


def a_worker(**variables: str) -> subprocess.Popen[bytes]:
    """Run the worker in a separate process, as in production."""
    return subprocess.Popen(
        [sys.executable, "manage.py", "db_worker", "--no-startup-delay", "--no-reload"],
        cwd=site.BASE_DIR,
        env=environment(TASKS_BACKEND="database", **variables),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def until(true: Callable[[], bool]) -> None:
    deadline, pause = time.monotonic() + 30, threading.Event()
    while not true():
        assert time.monotonic() < deadline
        pause.wait(0.05)


def test_the_worker_sends_the_mail(queue: None, as_ada: Client, icons: ProductConfiguration) -> None:
    bought(as_ada, icons)
    assert outbox.outbox == []
    work()
    assert sent_kinds() == [Mail.Kind.CONFIRMED]
    assert DBTaskResult.objects.successful().count() == 1


def test_a_change_that_is_rolled_back_leaves_no_task(
    queue: None, as_ada: Client, icons: ProductConfiguration
) -> None:
    purchase = bought(as_ada, icons)
    with transaction.atomic():
        emails.queue_email(purchase, Mail.Kind.ENDED, "v9")
        assert DBTaskResult.objects.count() == 2
        transaction.set_rollback(True)
    assert DBTaskResult.objects.count() == Mail.objects.count() == 1


def test_duplicate_task_sends_one_email(queue: None, as_ada: Client, icons: ProductConfiguration) -> None:
    bought(as_ada, icons)
    emails.send_email.enqueue(Mail.objects.get().pk)
    work()
    assert len(outbox.outbox) == 1


def test_a_dead_worker_turns_readyz_red(
    queue: None, as_ada: Client, icons: ProductConfiguration, settings: Any
) -> None:
    bought(as_ada, icons)
    assert readiness().json()["worker"] == "ok"  # it may be on its way
    DBTaskResult.objects.update(
        enqueued_at=timezone.now() - timedelta(seconds=settings.WORKER_SILENCE_SECONDS + 1)
    )
    response = readiness()
    assert response.status_code == 503
    assert response.json()["worker"].startswith("silent")
    work()
    assert Client().get("/readyz").status_code == 200


def test_a_task_for_later_is_not_overdue(queue: None, settings: Any) -> None:
    settings.WORKER_SILENCE_SECONDS = 60
    emails.send_email.using(run_after=timezone.now() + timedelta(days=1)).enqueue(1)
    hours_ago = timezone.now() - timedelta(hours=3)
    DBTaskResult.objects.update(enqueued_at=hours_ago)
    assert readiness().json()["worker"] == "ok"
    DBTaskResult.objects.update(run_after=timezone.now() - timedelta(seconds=2))
    assert readiness().json()["worker"] == "ok"
    DBTaskResult.objects.update(run_after=hours_ago)
    assert readiness().json()["worker"].startswith("silent")


def test_a_worker_killed_while_it_sends_loses_no_mail(
    queue: None, as_ada: Client, icons: ProductConfiguration
) -> None:
    bought(as_ada, icons)
    with socket.create_server(("127.0.0.1", 0)) as mail_server:  # takes the connection and says nothing
        mail_server.settimeout(60)
        address = f"smtp://127.0.0.1:{mail_server.getsockname()[1]}"
        worker = a_worker(EMAIL_URL=address)
        try:
            connection, _peer = mail_server.accept()  # it is in the middle of it
        finally:
            worker.send_signal(signal.SIGKILL)
            worker.wait()
        connection.close()
    owed = Mail.objects.get()
    assert (owed.sent_at, owed.attempts) == (None, 1)
    assert emails.send_unsent() == 1  # another worker may still run the task
    Mail.objects.update(sending_at=timezone.now() - emails.SENDING_TIMEOUT - timedelta(seconds=1))
    assert emails.send_unsent() == 0
    assert len(outbox.outbox) == 1


def test_a_killed_worker_turns_readyz_red(
    queue: None, as_ada: Client, icons: ProductConfiguration, settings: Any
) -> None:
    """A real one: while it lives it takes what comes, and once it is dead the next task stays."""
    settings.WORKER_SILENCE_SECONDS = 0  # whatever waits, waits too long
    worker = a_worker(EMAIL_URL=LOCMEM)
    try:
        emails.send_email.enqueue(0)
        until(lambda: readiness().json()["worker"] == "ok")
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    bought(as_ada, icons)
    response = readiness()
    assert response.status_code == 503
    assert response.json()["worker"].startswith("silent")


def test_a_mail_server_that_hangs_keeps_no_buyer_waiting(
    as_ada: Client, icons: ProductConfiguration, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a worker the buyer waits for it, so not for long; reconcile sends it later."""
    assert service_settings.EMAIL_TIMEOUT_SECONDS <= 5
    monkeypatch.setattr(service_settings, "EMAIL_TIMEOUT_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as mute:  # takes connections, says nothing
        mail_by(settings, f"smtp://127.0.0.1:{mute.getsockname()[1]}")
        started = time.monotonic()
        assert bought(as_ada, icons).status == "paid"
        assert time.monotonic() - started < 3
    owed = Mail.objects.get()
    assert owed.sent_at is None
    assert "timed out" in owed.error
    mail_by(settings, LOCMEM)
    assert emails.send_unsent() == 0
    assert sent_kinds() == [Mail.Kind.CONFIRMED]


def test_reconcile_in_the_background(queue: None, as_ada: Client, icons: ProductConfiguration) -> None:
    purchase = bought(as_ada, icons)
    type(purchase).objects.update(status="open")
    call_command("reconcile_purchases", "--background")
    work()
    purchase.refresh_from_db()
    assert purchase.status == "paid"
    assert "1 repaired" in str(
        DBTaskResult.objects.get(task_path__endswith="reconcile_in_background").return_value
    )


def test_email_is_sent_after_commit(as_ada: Client, icons: ProductConfiguration) -> None:
    """The default: no queue, done at once."""
    purchase = bought(as_ada, icons)
    outbox.outbox.clear()
    with transaction.atomic():
        emails.queue_email(purchase, Mail.Kind.ENDED, "v9")
        assert outbox.outbox == []
    assert len(outbox.outbox) == 1


ACCOUNT_FORMS = {
    "/accounts/signup/": {"email": "new@example.com", "password1": "a-long-new-secret"},
    "/accounts/password/reset/": {"email": "ada@example.com"},
}


@pytest.mark.parametrize("address", ACCOUNT_FORMS)
def test_without_a_mail_server_people_are_told(ada: User, settings: Any, address: str) -> None:
    mail_by(settings, NO_MAIL_SERVER)
    known = Client().post(address, ACCOUNT_FORMS[address], follow=True)
    assert "warning" in [message.level_tag for message in known.context["messages"]]
    assert known.status_code == 200


def test_a_reset_tells_no_stranger_who_has_an_account(ada: User, settings: Any) -> None:
    mail_by(settings, NO_MAIL_SERVER)
    pages = [
        Client().post("/accounts/password/reset/", {"email": email}, follow=True)
        for email in ("ada@example.com", "nobody@example.com")
    ]
    known, unknown = ([str(message) for message in page.context["messages"]] for page in pages)
    assert known == unknown != []


def test_the_worker_tries_account_mails_again(queue: None, ada: User, settings: Any) -> None:
    mail_by(settings, NO_MAIL_SERVER)
    Client().post("/accounts/password/reset/", {"email": "ada@example.com"})
    work()
    (again,) = DBTaskResult.objects.filter(status="READY")
    assert again.run_after - timezone.now() > timedelta(seconds=50)
    mail_by(settings, LOCMEM)
    DBTaskResult.objects.filter(pk=again.pk).update(run_after=timezone.now())
    work()
    (message,) = outbox.outbox
    assert message.to == ["ada@example.com"]
    link = next(word for word in str(message.body).split() if "/password/reset/key/" in word)
    assert Client().get(path_of(link), follow=True).status_code == 200


def test_task_fails_after_the_last_retry_without_secrets_in_admin(
    queue: None, olive: User, settings: Any
) -> None:
    mail_by(settings, NO_MAIL_SERVER)
    Client().post("/accounts/password/reset/", {"email": "olive@example.com"})
    for _ in range(MAX_ATTEMPTS):
        DBTaskResult.objects.filter(status="READY").update(run_after=timezone.now())
        work()
    given_up = DBTaskResult.objects.get(status="FAILED")
    assert DBTaskResult.objects.count() == MAX_ATTEMPTS
    page = (
        signed_in(olive)
        .get(f"/admin/django_tasks_database/dbtaskresult/{given_up.pk}/change/")
        .content.decode()
    )
    assert "ConnectionRefusedError" in page
    assert "/password/reset/key/" not in page
