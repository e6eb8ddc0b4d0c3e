"""A public demo without a mail server works and logs no codes and no links."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core.mail import EmailMessage
from django.test import Client

from apps.core.email_backends import UnsentEmailBackend
from apps.ecommerce.models import Mail, ProductConfiguration
from apps.ecommerce.purchases.emails.queue import send_unsent
from apps.users.models import User
from tests.account_actions import PASSWORD, sign_up, signed_in_as
from tests.factories import buy, set_email_url
from tests.integration.test_startup_checks import python

pytestmark = pytest.mark.django_db

CODE = r"\b[A-Z]{4}-[A-Z]{4}\b"
DEMO = {"STRIPE_SECRET_KEY": "", "STRIPE_WEBHOOK_SECRET": "", "STRIPE_SANDBOX": "true", "EMAIL_URL": ""}


@pytest.fixture(autouse=True)
def unsent(settings: Any, monkeypatch: pytest.MonkeyPatch) -> list[EmailMessage]:
    """Return the e-mails that were not sent."""
    settings.SENDS_MAIL = False
    set_email_url(settings, "apps.core.email_backends.UnsentEmailBackend")
    messages_not_sent: list[EmailMessage] = []
    send = UnsentEmailBackend.send_messages

    def record(self: UnsentEmailBackend, messages: Any) -> int:
        messages_not_sent.extend(messages)
        return send(self, messages)

    monkeypatch.setattr(UnsentEmailBackend, "send_messages", record)
    return messages_not_sent


def test_demo_logs_no_codes_and_no_links(
    ada: User,
    unsent: list[EmailMessage],
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    EmailAddress.objects.create(user=ada, email=ada.email, verified=True, primary=True)
    client = Client()
    sign_up(client)
    Client().post("/accounts/login/code/", {"email": ada.email})
    Client().post("/accounts/password/reset/", {"email": ada.email})
    again = Client()
    again.force_login(ada)
    again.post("/accounts/reauthenticate/code/", {"recipient": ada.email})
    again.post("/accounts/reauthenticate/", {"password": "ada-buys-things"})
    again.post("/accounts/email/", {"email": "lovelace@example.com", "action_add": ""})

    paths = re.findall(r"https?://[^/\s]+(/\S+)", "\n".join(str(mail.body) for mail in unsent))
    codes = re.findall(CODE, "\n".join(str(mail.body) for mail in unsent))
    assert (len(unsent), len(paths), len(codes)) == (5, 3, 2)
    for path in paths:
        Client().get(path, follow=True)  # the request log contains the route, not the key
    written = caplog.text + "".join(capfd.readouterr())
    assert "An e-mail to a…@example.com was not sent" in written
    for secret in [*paths, *codes, *(str(mail.body) for mail in unsent)]:
        assert secret not in written
    assert not re.search(CODE, written)


def test_demo_allows_sign_up_and_purchase_and_says_that_it_sends_no_email(
    client: Client, icons: ProductConfiguration
) -> None:
    page = client.post(
        "/accounts/signup/", {"email": "grace@example.com", "password1": PASSWORD}, follow=True
    )
    assert signed_in_as(client) == "grace@example.com"
    assert "warning" in [message.level_tag for message in page.context["messages"]]
    buy(client, icons)
    assert Mail.objects.exists()
    assert send_unsent() == 0  # no e-mail is retried


def test_password_reset_in_a_demo_reveals_no_account(ada: User) -> None:
    for email in (ada.email, "nobody@example.com"):
        page = Client().post("/accounts/password/reset/", {"email": email}, follow=True)
        assert "warning" in [message.level_tag for message in page.context["messages"]]
    assert "/accounts/login/code/" not in Client().get("/accounts/login/").content.decode()


def test_shop_with_a_mail_server_shows_no_demo_notice(client: Client, settings: Any) -> None:
    settings.SENDS_MAIL = True
    page = client.get("/accounts/login/").content.decode()
    assert "/accounts/login/code/" in page
    sign_up(client)
    page = client.get("/accounts/")
    assert "warning" not in [message.level_tag for message in page.context["messages"]]


@pytest.mark.parametrize(
    ("variables", "backend"),
    [
        (DEMO, "apps.core.email_backends.UnsentEmailBackend"),
        (
            {**DEMO, "DEBUG": "true", "SITE_URL": "http://127.0.0.1:8000"},
            "apps.devtools.mailbox.EmailBackend",
        ),
        ({**DEMO, "EMAIL_URL": "smtp://localhost"}, "django.core.mail.backends.smtp.EmailBackend"),
    ],
)
def test_email_backend_is_that_of_demo_or_development(
    tmp_path: Path, variables: dict[str, str], backend: str
) -> None:
    show = "from django.conf import settings; print(settings.EMAIL_BACKEND)"
    assert python(tmp_path, variables, "-c", show).stdout.strip() == backend
