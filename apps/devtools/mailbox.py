"""Print e-mails in development, and store them in VAR_DIR/mail for /dev/mail/."""

import email.policy
from email.message import EmailMessage as ParsedMessage
from pathlib import Path
from uuid import uuid4

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends import console
from django.utils import timezone

MAX_LISTED = 100


class EmailBackend(console.EmailBackend):
    def write_message(self, message: EmailMessage) -> None:
        _folder().mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"{timezone.now():%Y%m%d-%H%M%S-%f}-{uuid4().hex[:6]}.eml"
        (_folder() / name).write_bytes(message.message().as_bytes())
        super().write_message(message)


def list_mails() -> dict[str, ParsedMessage]:
    """Return the newest e-mails by name."""
    return {path.stem: _parse(path) for path in sorted(_folder().glob("*.eml"), reverse=True)[:MAX_LISTED]}


def find_mail(name: str) -> ParsedMessage | None:
    path = _folder() / f"{name}.eml"
    return _parse(path) if path.parent == _folder() and path.is_file() else None


def get_content(message: ParsedMessage, subtype: str) -> str:
    """Return the "plain" or "html" part, or ""."""
    part = message.get_body((subtype,))
    return str(part.get_content()) if part else ""


def list_attachments(message: ParsedMessage) -> list[tuple[str, int]]:
    """Return name and size in bytes of each attached file."""
    return [
        (part.get_filename() or part.get_content_type(), len(part.get_payload(decode=True) or b""))
        for part in message.iter_attachments()
    ]


def _parse(path: Path) -> ParsedMessage:
    return email.message_from_bytes(path.read_bytes(), policy=email.policy.default)


def _folder() -> Path:
    return Path(settings.VAR_DIR) / "mail"
