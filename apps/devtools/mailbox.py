"""Mail without a mail server. In development it is printed, and kept in VAR_DIR/mail to be read at /dev/mail/."""

import email
import email.policy
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage as ParsedMessage
from pathlib import Path
from uuid import uuid4

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends import base, console
from django.utils import timezone

from config.logging import redact

logger = logging.getLogger(__name__)


class EmailBackend(console.EmailBackend):
    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for message in email_messages:
            keep(message)
        return super().send_messages(email_messages) or 0


class UnsentEmailBackend(base.BaseEmailBackend):
    """Log unsent e-mails with a masked recipient. Their text is not logged: it may contain codes and reset links."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for message in email_messages:
            to = redact(", ".join(message.recipients()))
            logger.info("A mail to %s was not sent: EMAIL_URL is not set.", to)
        return len(email_messages)


@dataclass(frozen=True)
class Letter:
    name: str
    subject: str
    sender: str
    to: str
    at: datetime | None
    text: str
    html: str


def keep(message: EmailMessage) -> None:
    """Writes one message to the mailbox folder. Names sort by time."""
    folder = _folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = f"{timezone.now():%Y%m%d-%H%M%S-%f}-{uuid4().hex[:6]}"
    (folder / f"{name}.eml").write_bytes(message.message().as_bytes())


def letters(limit: int = 100) -> list[Letter]:
    """The newest messages first."""
    newest = sorted(_folder().glob("*.eml"), reverse=True)[:limit]
    return [_parse(path) for path in newest]


def letter(name: str) -> Letter | None:
    """One message by its file's stem, or None. A name that leaves the folder finds nothing."""
    path = _folder() / f"{name}.eml"
    return _parse(path) if path.parent == _folder() and path.is_file() else None


def _folder() -> Path:
    return Path(settings.VAR_DIR) / "mail"


def _parse(path: Path) -> Letter:
    parsed = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    date = parsed["date"]
    return Letter(
        name=path.stem,
        subject=str(parsed["subject"] or "(no subject)"),
        sender=str(parsed["from"] or ""),
        to=str(parsed["to"] or ""),
        at=date.datetime if date else None,
        text=_body(parsed, "plain"),
        html=_body(parsed, "html"),
    )


def _body(parsed: ParsedMessage, kind: str) -> str:
    part = parsed.get_body(preferencelist=(kind,))
    return str(part.get_content()) if part else ""
