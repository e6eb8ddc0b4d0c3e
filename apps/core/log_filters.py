"""Add the request's id to each log record, and redact secrets in log records and error reports."""

import logging
import re
from contextvars import ContextVar
from typing import Any

request_id: ContextVar[str] = ContextVar("request_id", default="")

CREDENTIALS = (re.compile(r"(?i)\b(bearer|basic|token)\s+[\w.~+/=-]{8,}"), r"\1 …")
LINKS = (re.compile(r"(/(?:reset/key|confirm-email)/)[^\s/'\"]+"), r"\1…")  # secret links in e-mails
# Slack, Discord, Mattermost and Rocket.Chat: anyone who knows the URL can post.
WEBHOOKS = (
    re.compile(r"(/services/T\w+/|/api/webhooks/(?=\d+/)|/hooks/(?=\w{16}))[\w/-]+"),
    r"\1…",
)
SECRETS = (
    (re.compile(r"\b((?:sk|rk|pk)_(?:live|test)|whsec)_\w+"), r"\1_…"),
    (re.compile(r"\b(cs_(?:live|test)_\w{6})\w+"), r"\1…"),  # the id opens the Checkout Session
    CREDENTIALS,
    (re.compile(r"(://[^\s:/@]*:)[^\s@/]+@"), r"\1…@"),  # the password in DATABASE_URL, EMAIL_URL, …
    (
        re.compile(
            r"(?i)((?:sessionid|token|password|secret|authorization|api_?key)[\w-]*[\"']?\s*[=:]\s*[\"']?)"
            r"[^\s\"';&,]+"
        ),
        r"\1…",
    ),
    LINKS,
    WEBHOOKS,
    (re.compile(r"\b([\w.+-])[\w.+-]*@([\w-]+\.[\w.-]+)"), r"\1…@\2"),  # e-mail addresses
)
# Most log lines contain none of these characters, which all other secrets have.
MARKS = re.compile("[_@:=]")


def redact(text: str) -> str:
    for pattern, replacement in SECRETS if MARKS.search(text) else (CREDENTIALS, LINKS):
        text = pattern.sub(replacement, text)
    return text


# Sentry's before_send
def redact_event(event: Any, hint: Any) -> Any:
    if isinstance(event, dict):
        return {key: redact_event(value, hint) for key, value in event.items()}
    if isinstance(event, list):
        return [redact_event(value, hint) for value in event]
    return redact(event) if isinstance(event, str) else event


class RedactFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get()
        record.msg, record.args = redact(record.getMessage()), ()
        if record.exc_info and not record.exc_text:
            record.exc_text = redact(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None  # a formatter would format it again, unredacted
        record.__dict__.pop("request", None)  # Django adds it; its URL may contain a key
        for name in ("cause", "path", "status_code"):
            if isinstance(value := getattr(record, name, None), str):
                setattr(record, name, redact(value))
        return True
