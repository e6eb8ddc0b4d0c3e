"""How the site logs: one line a record, as JSON in production, and never a secret in it.

Every record carries the id of the request it belongs to; the same id is in the answer's X-Request-ID.
"""

from __future__ import annotations

import logging
import re
from contextvars import ContextVar
from typing import Any

request_id: ContextVar[str] = ContextVar("request_id", default="")

# What must not leave in a log or an error report, and what is left of it.
SECRETS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b((?:sk|rk|pk)_(?:live|test)|whsec)_\w+"), r"\1_…"),
    (re.compile(r"\b(cs_(?:live|test)_\w{6})\w+"), r"\1…"),  # whoever has a Session's whole id may pay it
    (re.compile(r"(?i)\b(bearer|basic|token)\s+[\w.~+/=-]{8,}"), r"\1 …"),
    (re.compile(r"(://[^\s:/@]*:)[^\s@/]+@"), r"\1…@"),  # the password in DATABASE_URL, EMAIL_URL, …
    (
        re.compile(
            r"(?i)((?:sessionid|token|password|secret|authorization|api_?key)[\w-]*[\"']?\s*[=:]\s*[\"']?)"
            r"[^\s\"';&,]+"
        ),
        r"\1…",
    ),
    # Links out of mails: whoever has the key can use it.
    (re.compile(r"(/(?:reset/key|confirm-email)/)[^\s/'\"]+"), r"\1…"),
    (re.compile(r"\b([\w.+-])[\w.+-]*@([\w-]+\.[\w.-]+)"), r"\1…@\2"),
    (re.compile(r"\b\d(?:[ -]?\d){12,18}\b"), "(card number)"),
)


def redact(text: str) -> str:
    """The text without keys, passwords, whole e-mail addresses and card numbers."""
    for pattern, rest in SECRETS:
        text = pattern.sub(rest, text)
    return text


def clean_report(event: Any, hint: Any) -> Any:
    """Sentry's before_send: an error report is redacted as a log line is, wherever the words stand in it."""
    if isinstance(event, dict):
        return {key: clean_report(value, hint) for key, value in event.items()}
    if isinstance(event, list):
        return [clean_report(value, hint) for value in event]
    return redact(event) if isinstance(event, str) else event


class Tidy(logging.Filter):
    """Puts the request's id on every record, and takes secrets out of its words and values."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get()
        record.msg, record.args = redact(record.getMessage()), ()
        if record.exc_info and not record.exc_text:
            record.exc_text = redact(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None  # formatted, and clean; a formatter would do it again from the original
        record.__dict__.pop(
            "request", None
        )  # Django's; its address may hold a key, and the id tells which it was
        for name in ("cause", "path", "status_code"):
            if isinstance(value := getattr(record, name, None), str):
                setattr(record, name, redact(value))
        return True


def configuration(style: str, level: str) -> dict[str, Any]:
    """For Django's LOGGING. `style` is "json" (production) or "line" (a person at a terminal)."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"tidy": {"()": Tidy}},
        "formatters": {
            "line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"},
            "json": {
                "()": "pythonjsonlogger.json.JsonFormatter",
                "fmt": "{asctime}{levelname}{name}{message}{request_id}",
                "style": "{",
                "rename_fields": {"asctime": "time", "levelname": "level", "name": "logger"},
                "datefmt": "%Y-%m-%dT%H:%M:%S%z",
                "json_ensure_ascii": False,
            },
        },
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": style, "filters": ["tidy"]}},
        "root": {"handlers": ["console"], "level": "WARNING"},
        "loggers": {
            "apps": {"level": level},
            "django": {"handlers": [], "level": "INFO"},
            "django.request": {"level": "ERROR"},  # every answer has a line of ours already
            "django.security.DisallowedHost": {"level": "CRITICAL"},  # the whole internet knocks
        },
    }
