"""Log lines and error reports contain no secrets."""

import json
import logging
import sys

import pytest
from pythonjsonlogger.json import JsonFormatter

from apps.core.log_filters import RedactFilter, redact, redact_event, request_id
from config.logging import logging_config

SECRETS = {
    "key sk_live_51AbCdEf refused": "sk_live_51AbCdEf",
    "rk_test_51AbCdEf": "51AbCdEf",
    "signed with whsec_abcDEF123": "abcDEF123",
    "Authorization: Bearer abcdef123456": "abcdef123456",
    "Basic dXNlcjpwYXNz": "dXNlcjpwYXNz",
    "sessionid=abc123def; csrftoken=zyx": "abc123def",
    "Cookie: __Host-sessionid=abc123def": "abc123def",
    "csrfmiddlewaretoken=abc123def&login=x": "abc123def",
    "postgres://shop:hunter2@db.internal:5432/shop does not answer": "hunter2",
    "redis://:hunter2@localhost:6379/0": "hunter2",
    "AWS_SECRET_ACCESS_KEY=wJalr/XUtnFEMI": "wJalr",
    "postmark://?server_token=abc123def": "abc123def",
    "Forbidden (CSRF): /accounts/password/reset/key/1-c9x8/": "c9x8",
    "GET /accounts/confirm-email/MQ:1tabc/": "1tabc",
    "Invalid API Key provided: sk_test_51AbCdEf": "51AbCdEf",
    "client_secret: 'pi_1_secret_51AbCdEf'": "51AbCdEf",
    '"password": "hunter2"': "hunter2",
    "mail to ada.lovelace@example.com failed": "ada.lovelace",
    "session cs_test_a1UC2keLvrBZ6GkihB": "UC2keLvrBZ6GkihB",
}


@pytest.mark.parametrize(("text", "secret"), SECRETS.items())
def test_secrets_are_removed(text: str, secret: str) -> None:
    assert secret not in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "purchase 819b25e2-6e4d-4bd1-a34a-0050580a2e9c: open ▶ paid (event evt_1B7cb6FmwbkOWLpQ98Wu5zUH)",
        "GET /store/tiny-tools/ 200 in 6 ms",
        "amount 1900 usd, 2026-11-24",
        "http://127.0.0.1:8000/store/?q=a:b@c",
        "Too often: checkout by 203.0.113.7",
    ],
)
def test_log_keeps_non_secret_values(text: str) -> None:
    assert redact(text) == text


def _line(record: logging.LogRecord) -> dict[str, object]:
    RedactFilter().filter(record)
    settings = logging_config("json", "INFO")["formatters"]["json"]
    formatter = JsonFormatter(
        settings["fmt"],
        style=settings["style"],
        rename_fields=settings["rename_fields"],
        json_ensure_ascii=False,
    )
    return dict(json.loads(formatter.format(record)))


def test_json_log_line_contains_the_request_id() -> None:
    token = request_id.set("abc-123-def")
    record = logging.LogRecord(
        "apps.x", logging.INFO, "", 1, "purchase %s of %s", (7, "ada@example.com"), None
    )
    line = _line(record)
    request_id.reset(token)
    assert line["message"] == "purchase 7 of a…@example.com"
    assert (line["level"], line["logger"], line["request_id"]) == ("INFO", "apps.x", "abc-123-def")


def test_traceback_is_redacted() -> None:
    try:
        raise ValueError("no such key sk_live_51AbCdEf")
    except ValueError:
        record = logging.LogRecord("apps.x", logging.ERROR, "", 1, "broken", (), sys.exc_info())
    line = json.dumps(_line(record))
    assert "ValueError" in line
    assert "51AbCdEf" not in line


def test_error_report_is_redacted_at_every_level() -> None:
    report = {
        "exception": {"values": [{"value": "key sk_live_51AbCdEf"}]},
        "extra": {"to": "ada@example.com", "n": 3},
    }
    cleaned = redact_event(report, {})
    assert "51AbCdEf" not in str(cleaned)
    assert cleaned["extra"] == {"to": "a…@example.com", "n": 3}


def test_request_is_removed_from_log_record() -> None:
    """Django adds the request to its own warnings, and its repr contains the URL."""
    record = logging.LogRecord("django.security.csrf", logging.WARNING, "", 1, "Forbidden", (), None)
    record.request = "<WSGIRequest: POST '/accounts/password/reset/key/1-c9x8/'>"
    assert "c9x8" not in json.dumps(_line(record))
