"""E-mails in development: printed, and stored in VAR_DIR/mail for /dev/mail/."""

import email.policy
from dataclasses import dataclass
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


@dataclass(frozen=True)
class StoredMail:
    name: str
    message: ParsedMessage

    @property
    def text(self) -> str:
        return self._content("plain")

    @property
    def html(self) -> str:
        return self._content("html")

    def _content(self, subtype: str) -> str:
        part = self.message.get_body((subtype,))
        return str(part.get_content()) if part else ""


def list_mails() -> list[StoredMail]:
    """Return the newest first."""
    return [_read(path) for path in sorted(_folder().glob("*.eml"), reverse=True)[:MAX_LISTED]]


def find_mail(name: str) -> StoredMail | None:
    path = _folder() / f"{name}.eml"
    return _read(path) if path.parent == _folder() and path.is_file() else None


def _read(path: Path) -> StoredMail:
    return StoredMail(path.stem, email.message_from_bytes(path.read_bytes(), policy=email.policy.default))


def _folder() -> Path:
    return Path(settings.VAR_DIR) / "mail"
