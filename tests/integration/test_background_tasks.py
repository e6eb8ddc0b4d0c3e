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
from apps.ecommerce.purchases.emails.queue import SENDING_TIMEOUT, queue_email, send_email, send_unsent
from apps.ecommerce.purchases.emails.texts import TEXTS
from apps.users.emails import MAX_ATTEMPTS
from apps.users.models import User
from config import service_settings
from tests.databases import environment
from tests.factories import (
    LOCMEM,
    NO_MAIL_SERVER,
    buy,
    readiness,
    sent_kinds,
    set_email_url,
    signed_in,
    url_path,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def queue(settings: Any) -> None:
    """Use the task queue of TASKS_BACKEND=database."""
    settings.TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}


def run_worker() -> None:
    """Run the queued tasks, as `manage.py db_worker --batch` does."""
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


def start_worker(**variables: str) -> subprocess.Popen[bytes]:
    """Start a worker in a separate process, as in production."""
    return subprocess.Popen(
        [sys.executable, "manage.py", "db_worker", "--no-startup-delay", "--no-reload"],
        cwd=site.BASE_DIR,
        env=environment(TASKS_BACKEND="database", **variables),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def wait_until(condition: Callable[[], bool]) -> None:
    deadline, pause = time.monotonic() + 30, threading.Event()
    while not condition():
        assert time.monotonic() < deadline
        pause.wait(0.05)


def test_worker_sends_the_email(queue: None, as_ada: Client, icons: ProductConfiguration) -> None:
    buy(as_ada, icons)
    assert outbox.outbox == []
    run_worker()
    assert sent_kinds() == [Mail.Kind.CONFIRMED]
    assert DBTaskResult.objects.successful().count() == 1


def test_rolled_back_change_leaves_no_task(queue: None, as_ada: Client, icons: ProductConfiguration) -> None:
    purchase = buy(as_ada, icons)
    with transaction.atomic():
        queue_email(purchase, Mail.Kind.ENDED, "v9")
        assert DBTaskResult.objects.count() == 2
        transaction.set_rollback(True)
    assert DBTaskResult.objects.count() == Mail.objects.count() == 1


@pytest.mark.parametrize("kind", ["tipps", "a_kind_of_25_characters__"])
def test_email_of_an_unknown_or_too_long_kind_is_refused(
    as_ada: Client, icons: ProductConfiguration, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setitem(TEXTS, "a_kind_of_25_characters__", TEXTS[Mail.Kind.ENDED])
    purchase = buy(as_ada, icons)
    with pytest.raises(ValueError, match="with at most 20 characters"):
        queue_email(purchase, kind, "first access")
    assert not Mail.objects.filter(kind=kind).exists()


def test_duplicate_task_sends_one_email(queue: None, as_ada: Client, icons: ProductConfiguration) -> None:
    buy(as_ada, icons)
    send_email.enqueue(Mail.objects.get().pk)
    run_worker()
    assert len(outbox.outbox) == 1


def test_readyz_fails_while_a_task_is_overdue(
    queue: None, as_ada: Client, icons: ProductConfiguration, settings: Any
) -> None:
    buy(as_ada, icons)
    assert readiness().json()["worker"] == "ok"  # a new task may still be picked up
    DBTaskResult.objects.update(
        enqueued_at=timezone.now() - timedelta(seconds=settings.WORKER_SILENCE_SECONDS + 1)
    )
    response = readiness()
    assert response.status_code == 503
    assert response.json()["worker"].startswith("silent")
    run_worker()
    assert Client().get("/readyz").status_code == 200


def test_scheduled_task_is_overdue_only_after_its_time(queue: None, settings: Any) -> None:
    settings.WORKER_SILENCE_SECONDS = 60
    send_email.using(run_after=timezone.now() + timedelta(days=1)).enqueue(1)
    hours_ago = timezone.now() - timedelta(hours=3)
    DBTaskResult.objects.update(enqueued_at=hours_ago)
    assert readiness().json()["worker"] == "ok"
    DBTaskResult.objects.update(run_after=timezone.now() - timedelta(seconds=2))
    assert readiness().json()["worker"] == "ok"
    DBTaskResult.objects.update(run_after=hours_ago)
    assert readiness().json()["worker"].startswith("silent")


def test_email_is_sent_later_if_the_worker_is_killed_while_sending(
    queue: None, as_ada: Client, icons: ProductConfiguration
) -> None:
    buy(as_ada, icons)
    with socket.create_server(("127.0.0.1", 0)) as mail_server:  # accepts the connection and never responds
        mail_server.settimeout(60)
        path = f"smtp://127.0.0.1:{mail_server.getsockname()[1]}"
        worker = start_worker(EMAIL_URL=path)
        try:
            connection, _peer = mail_server.accept()  # the worker is sending the e-mail
        finally:
            worker.send_signal(signal.SIGKILL)
            worker.wait()
        connection.close()
    unsent = Mail.objects.get()
    assert (unsent.sent_at, unsent.attempts) == (None, 1)
    assert send_unsent() == 1  # another worker may still run the task
    Mail.objects.update(sending_at=timezone.now() - SENDING_TIMEOUT - timedelta(seconds=1))
    assert send_unsent() == 0
    assert len(outbox.outbox) == 1


def test_readyz_fails_after_the_worker_is_killed(
    queue: None, as_ada: Client, icons: ProductConfiguration, settings: Any
) -> None:
    settings.WORKER_SILENCE_SECONDS = 0  # a waiting task is overdue at once
    worker = start_worker(EMAIL_URL=LOCMEM)
    try:
        send_email.enqueue(0)
        wait_until(lambda: readiness().json()["worker"] == "ok")
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    buy(as_ada, icons)
    response = readiness()
    assert response.status_code == 503
    assert response.json()["worker"].startswith("silent")


def test_hanging_mail_server_delays_no_purchase(
    as_ada: Client, icons: ProductConfiguration, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a worker, the buyer's request waits until EMAIL_TIMEOUT_SECONDS; reconcile sends the e-mail later."""
    assert service_settings.EMAIL_TIMEOUT_SECONDS <= 5
    monkeypatch.setattr(service_settings, "EMAIL_TIMEOUT_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as mail_server:  # accepts connections and never responds
        set_email_url(settings, f"smtp://127.0.0.1:{mail_server.getsockname()[1]}")
        started = time.monotonic()
        assert buy(as_ada, icons).status == "paid"
        assert time.monotonic() - started < 3
    unsent = Mail.objects.get()
    assert unsent.sent_at is None
    assert "timed out" in unsent.error
    set_email_url(settings, LOCMEM)
    assert send_unsent() == 0
    assert sent_kinds() == [Mail.Kind.CONFIRMED]


def test_worker_runs_the_queued_reconcile(queue: None, as_ada: Client, icons: ProductConfiguration) -> None:
    purchase = buy(as_ada, icons)
    type(purchase).objects.update(status="open")
    call_command("reconcile_purchases", "--background")
    run_worker()
    purchase.refresh_from_db()
    assert purchase.status == "paid"
    assert "1 repaired" in str(
        DBTaskResult.objects.get(task_path__endswith="reconcile_in_background").return_value
    )


def test_email_is_sent_after_commit(as_ada: Client, icons: ProductConfiguration) -> None:
    """By default there is no task queue."""
    purchase = buy(as_ada, icons)
    outbox.outbox.clear()
    with transaction.atomic():
        queue_email(purchase, Mail.Kind.ENDED, "v9")
        assert outbox.outbox == []
    assert len(outbox.outbox) == 1


ACCOUNT_FORMS = {
    "/accounts/signup/": {"email": "new@example.com", "password1": "a-long-new-secret"},
    "/accounts/password/reset/": {"email": "ada@example.com"},
}


@pytest.mark.parametrize("path", ACCOUNT_FORMS)
def test_account_forms_show_an_error_without_a_mail_server(ada: User, settings: Any, path: str) -> None:
    set_email_url(settings, NO_MAIL_SERVER)
    known = Client().post(path, ACCOUNT_FORMS[path], follow=True)
    assert "warning" in [message.level_tag for message in known.context["messages"]]
    assert known.status_code == 200


def test_password_reset_without_a_mail_server_reveals_no_account(ada: User, settings: Any) -> None:
    set_email_url(settings, NO_MAIL_SERVER)
    pages = [
        Client().post("/accounts/password/reset/", {"email": email}, follow=True)
        for email in ("ada@example.com", "nobody@example.com")
    ]
    known, unknown = ([str(message) for message in page.context["messages"]] for page in pages)
    assert known == unknown != []


def test_worker_retries_account_emails(queue: None, ada: User, settings: Any) -> None:
    set_email_url(settings, NO_MAIL_SERVER)
    Client().post("/accounts/password/reset/", {"email": "ada@example.com"})
    run_worker()
    (again,) = DBTaskResult.objects.filter(status="READY")
    assert again.run_after - timezone.now() > timedelta(seconds=50)
    set_email_url(settings, LOCMEM)
    DBTaskResult.objects.filter(pk=again.pk).update(run_after=timezone.now())
    run_worker()
    (message,) = outbox.outbox
    assert message.to == ["ada@example.com"]
    link = next(word for word in str(message.body).split() if "/password/reset/key/" in word)
    assert Client().get(url_path(link), follow=True).status_code == 200


def test_task_fails_after_the_last_retry_without_secrets_in_admin(
    queue: None, olive: User, settings: Any
) -> None:
    set_email_url(settings, NO_MAIL_SERVER)
    Client().post("/accounts/password/reset/", {"email": "olive@example.com"})
    for _ in range(MAX_ATTEMPTS):
        DBTaskResult.objects.filter(status="READY").update(run_after=timezone.now())
        run_worker()
    failed_task = DBTaskResult.objects.get(status="FAILED")
    assert DBTaskResult.objects.count() == MAX_ATTEMPTS
    page = (
        signed_in(olive)
        .get(f"/admin/django_tasks_database/dbtaskresult/{failed_task.pk}/change/")
        .content.decode()
    )
    assert "ConnectionRefusedError" in page
    assert "/password/reset/key/" not in page
