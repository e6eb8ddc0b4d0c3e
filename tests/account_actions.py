"""Actions of users with their accounts over HTTP, and the e-mails about them."""

from __future__ import annotations

import re
from typing import Any

from django.contrib.auth import get_user
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.test import Client

PASSWORD = "correct horse battery staple"


def signed_in_as(client: Client) -> str:
    """Return the e-mail address of the client's user, or "" for a visitor."""
    return getattr(get_user(client), "email", "")  # type: ignore[arg-type]


def is_kind(mail: EmailMessage, template: str) -> bool:
    """Return whether the e-mail has the subject of a template: "account/email/email_changed"."""
    return mail.subject == " ".join(render_to_string(f"{template}_subject.txt").split())


def link_in(message: EmailMessage) -> str:
    """Return the path and query of the first link in the e-mail."""
    found = re.search(r"https?://[^/\s]+(/\S+)", str(message.body))
    assert found, message.body
    return found[1]


def sign_up(client: Client, email: str = "grace@example.com", **more: str) -> Any:
    return client.post("/accounts/signup/", {"email": email, "password1": PASSWORD, **more})


def sign_in(client: Client, email: str, password: str, **more: str) -> Any:
    return client.post("/accounts/login/", {"login": email, "password": password, **more})


def reauthenticate(client: Client, password: str = "ada-buys-things") -> None:
    client.post("/accounts/reauthenticate/", {"password": password})
