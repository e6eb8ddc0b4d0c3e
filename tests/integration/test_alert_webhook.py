"""Alerts to ALERT_WEBHOOK_URL. https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import StringIO
from threading import Thread
from typing import Any

import pytest
from django.core import mail as outbox
from django.core.management import CommandError, call_command
from django.test import RequestFactory
from django.utils import timezone
from django.views.debug import ExceptionReporter

from apps.core.log_filters import redact
from apps.ecommerce.back_office.needs_attention import find_items
from apps.ecommerce.models import Alert
from apps.ecommerce.operations import alert_channels, doctor
from apps.ecommerce.operations.alert_channels import (
    MAX_CHARACTERS,
    Message,
    WebhookRefused,
    format_text,
    post,
)
from apps.ecommerce.operations.alerts import send_alerts, store_problems
from apps.ecommerce.operations.problems import Problem
from tests.factories import LOCMEM, NO_MAIL_SERVER, set_email_url

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = "T0123ABCD/B0123ABCD/s3cr3tw3bh00k"


class Chat:
    """A chat's server that receives incoming webhooks."""

    def __init__(self) -> None:
        self.status, self.headers = 200, {"Content-Type": "text/plain"}
        self.requests: list[tuple[str, str, Any]] = []  # (path, content type, JSON)

    @property
    def texts(self) -> list[str]:
        return [body["text"] for _path, _type, body in self.requests]


@pytest.fixture
def chat(settings: Any) -> Iterator[Chat]:
    chat = Chat()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            chat.requests.append((self.path, self.headers["Content-Type"], json.loads(body)))
            self.send_response(chat.status)
            for name, value in chat.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    settings.ALERT_WEBHOOK_URL = f"http://127.0.0.1:{server.server_port}/services/{SECRET}"
    settings.ADMINS = [("Founder", "founder@example.com")]
    settings.ALERTS_OFF = []
    yield chat
    server.shutdown()
    server.server_close()


@pytest.fixture
def problem() -> Callable[[str], None]:
    """Return a function that adds a failed event."""
    found: list[Problem] = []

    def add(about: str) -> None:
        found.append(Problem("event-failed", f"Event {about}", about))
        store_problems({"event-failed": found}, timezone.now())

    return add


@pytest.fixture(autouse=True)
def _nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.ecommerce.operations.alerts.check_shop", dict)


def test_alert_is_posted_and_mailed_once(chat: Chat, problem: Callable[[str], None]) -> None:
    problem("evt_1")
    for _ in range(3):
        send_alerts()
    ((path, content_type, body),) = chat.requests
    assert path == f"/services/{SECRET}"
    assert content_type == "application/json"
    assert body.keys() == {"text"}
    assert "Event evt_1" in body["text"]
    assert "event-failed" in body["text"]
    assert len(outbox.outbox) == 1


def test_without_url_nothing_is_posted(chat: Chat, problem: Callable[[str], None], settings: Any) -> None:
    settings.ALERT_WEBHOOK_URL = ""
    problem("evt_1")
    send_alerts()
    assert chat.requests == []
    assert len(outbox.outbox) == 1


@pytest.mark.parametrize("status", [302, 307, 400, 403, 404, 410, 429, 500])
def test_alert_that_the_webhook_refused_is_posted_by_the_next_run_and_not_mailed_again(
    chat: Chat, problem: Callable[[str], None], status: int
) -> None:
    chat.status, chat.headers = status, {"Location": "/services/elsewhere"}
    problem("evt_1")
    send_alerts()
    assert len(outbox.outbox) == 1
    assert len(chat.requests) == 1  # a redirect is not followed
    chat.status = 200
    problem("evt_2")
    send_alerts()
    assert "Event evt_1" in chat.texts[1]
    assert "Event evt_2" in chat.texts[1]
    assert "evt_1" not in outbox.outbox[1].body


def test_alert_that_could_not_be_mailed_is_mailed_by_the_next_run_and_not_posted_again(
    chat: Chat, problem: Callable[[str], None], settings: Any
) -> None:
    set_email_url(settings, NO_MAIL_SERVER)
    problem("evt_1")
    send_alerts()
    assert len(chat.requests) == 1
    set_email_url(settings, LOCMEM)
    send_alerts()
    assert len(outbox.outbox) == 1
    assert len(chat.requests) == 1


def test_both_channels_send_an_alert_after_both_failed(
    chat: Chat, problem: Callable[[str], None], settings: Any
) -> None:
    set_email_url(settings, NO_MAIL_SERVER)
    chat.status = 500
    problem("evt_1")
    send_alerts()
    Alert.objects.update(found_at=timezone.now() - timedelta(hours=1))
    assert {item.title for item in find_items()} == {
        "Alerts can't be sent by e-mail",
        "Alerts can't be sent to the webhook",
    }
    assert [finding.ok for finding in doctor._check_alerts()] == [True, False, False]
    set_email_url(settings, LOCMEM)
    chat.status = 200
    send_alerts()
    assert (len(outbox.outbox), len(chat.requests)) == (1, 2)
    assert find_items() == []


def test_a_problem_that_was_solved_before_it_could_be_posted_is_not_posted(
    chat: Chat, problem: Callable[[str], None]
) -> None:
    chat.status = 500
    problem("evt_1")
    send_alerts()
    chat.status = 200
    send_alerts({"event-failed": []})
    assert len(chat.requests) == 1


def test_new_webhook_gets_no_old_alerts(chat: Chat, settings: Any) -> None:
    url, settings.ALERT_WEBHOOK_URL = settings.ALERT_WEBHOOK_URL, ""
    send_alerts({"dispute-opened": [Problem("dispute-opened", "Dispute", "du_1")]})
    Alert.objects.update(found_at=timezone.now() - timedelta(days=8))
    settings.ALERT_WEBHOOK_URL = url
    send_alerts()
    assert chat.requests == []


def test_control_characters_are_escaped() -> None:
    text = format_text(Message("A & B", "<!channel> <https://evil.example|click> &amp;"))
    assert text == "A &amp; B\n&lt;!channel&gt; &lt;https://evil.example|click&gt; &amp;amp;"


@pytest.mark.parametrize("name", ["all", "channel", "everyone", "here"])
def test_address_of_a_buyer_notifies_no_member_of_the_channel(name: str) -> None:
    text = format_text(Message("Dispute", f"buyer x@{name}.example, ada@example.com"))
    assert f"@{name}" not in text
    assert "ada@example.com" in text


@pytest.mark.parametrize("body", ["- a line of text & more\n" * 300, "&" * 5000, "x" * 5000])
def test_a_long_text_is_cut(body: str, settings: Any) -> None:
    text = format_text(Message("Subject", body))
    assert len(text) <= MAX_CHARACTERS
    assert text.endswith(f"\n… {settings.SITE_URL}/admin/")
    lines = text.splitlines()[1:-1]
    assert lines
    assert all(line.replace("&amp;", "").strip("x") in ("", "- a line of text  more") for line in lines)


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:9", "http://no-such-host.invalid", "http://[", "nonsense"]
)
def test_secret_is_in_no_log_and_no_error(
    chat: Chat, problem: Callable[[str], None], settings: Any, caplog: pytest.LogCaptureFixture, address: str
) -> None:
    caplog.set_level(logging.DEBUG)
    settings.ALERT_WEBHOOK_URL = f"{address}/services/{SECRET}"
    problem("evt_1")
    send_alerts()
    with pytest.raises(WebhookRefused) as raised:
        post(Message("Subject", "Body"))
    assert "s3cr3t" not in f"{raised.value} {raised.value.__cause__}"
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("send_test_alert", stdout=out)
    assert "s3cr3t" not in out.getvalue()
    lines = [redact(record.getMessage()) for record in caplog.records]
    assert any("could not be sent by webhook" in line for line in lines)
    assert not any("s3cr3t" in line for line in lines)


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.slack.com/services/T00000000/B00000000/s3cr3tXXXXXXXXXX",
        "Max retries exceeded with url: /services/T00000000/B00000000/s3cr3tXXXXXXXXXX",
        "https://discord.com/api/webhooks/123456789/s3cr3t-XXXX_XXXX/slack",
        "https://chat.example.com/hooks/s3cr3txxxxxxxxxxxxxxxxxxxx",
        "https://rocket.example.com/hooks/0123456789abcdef0/s3cr3txxxxxxxx",
    ],
)
def test_addresses_of_webhooks_are_redacted(url: str) -> None:
    assert "s3cr3t" not in redact(f"failed: {url}")
    assert redact("GET /services/consulting 200 in 3 ms: x") == "GET /services/consulting 200 in 3 ms: x"


def test_error_pages_hide_the_address(chat: Chat, settings: Any) -> None:
    settings.DEBUG = True
    # Runserver adds environment variables to request.META.
    request = RequestFactory().get("/", ALERT_WEBHOOK_URL=settings.ALERT_WEBHOOK_URL)
    page = ExceptionReporter(request, ValueError, ValueError("x"), None).get_traceback_html()
    assert "ALERT_WEBHOOK_URL" in page
    assert "s3cr3t" not in page


def test_test_alert_is_sent_to_both(chat: Chat) -> None:
    out = StringIO()
    call_command("send_test_alert", stdout=out)
    assert out.getvalue() == "e-mail: sent\nwebhook: sent\n"
    assert "Test alert" in chat.texts[0]
    assert "Test alert" in outbox.outbox[0].subject
    assert not Alert.objects.exists()


def test_test_alert_without_a_mail_server_is_not_reported_as_sent(settings: Any) -> None:
    settings.SENDS_MAIL, settings.ALERT_WEBHOOK_URL = False, ""
    out = StringIO()
    with pytest.raises(CommandError, match="Nothing was sent"):
        call_command("send_test_alert", stdout=out)
    assert out.getvalue() == "e-mail: not set up\nwebhook: not set up\n"


def test_test_alert_reports_what_fails(chat: Chat, settings: Any) -> None:
    chat.status = 403
    set_email_url(settings, NO_MAIL_SERVER)
    out = StringIO()
    with pytest.raises(CommandError, match="e-mail and webhook"):
        call_command("send_test_alert", stdout=out)
    assert "webhook: FAILED, WebhookRefused: status 403" in out.getvalue()


def test_doctor_names_the_recipients_of_alerts(settings: Any) -> None:
    settings.SITE_URL, settings.SENDS_MAIL = "https://shop.founders.org", True
    settings.ADMINS = [("Founder", "hello@example.com")]
    (finding,) = doctor._check_alerts()
    assert not finding.ok
    assert "nobody" in finding.message
    settings.ALERT_WEBHOOK_URL = f"https://hooks.slack.com/services/{SECRET}"
    (finding,) = doctor._check_alerts()
    assert finding.ok
    assert finding.message == "Alerts are sent to the webhook at hooks.slack.com"
    settings.ADMINS = [("Founder", "ada@founders.org")]
    (finding,) = doctor._check_alerts()
    assert finding.message == "Alerts are sent to ada@founders.org and the webhook at hooks.slack.com"
    settings.SENDS_MAIL, settings.ALERT_WEBHOOK_URL = False, ""
    (finding,) = doctor._check_alerts()
    assert not finding.ok


def test_request_to_a_hanging_webhook_times_out(
    chat: Chat, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    monkeypatch.setattr(alert_channels, "TIMEOUT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.ALERT_WEBHOOK_URL = f"http://127.0.0.1:{silent.getsockname()[1]}/services/{SECRET}"
        with pytest.raises(WebhookRefused, match="Timeout"):
            post(Message("Subject", "Body"))
