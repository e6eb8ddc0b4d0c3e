"""A mail server that hangs, refuses an address or loses the connection: what is tried again, and how often."""

from __future__ import annotations

import smtplib
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from django.core import mail as outbox
from django.core.mail.backends.base import BaseEmailBackend
from django.test import Client
from django.utils import timezone

from apps.ecommerce.models import Mail, ProductConfiguration
from apps.ecommerce.operations.shop_checks import check_shop
from apps.ecommerce.purchases.emails.queue import send_unsent
from tests.factories import LOCMEM, buy, set_email_url

pytestmark = pytest.mark.django_db(transaction=True)

DAY = timedelta(days=1)
REFUSED = smtplib.SMTPRecipientsRefused({"ada@example.com": (550, b"5.1.1 no such mailbox")})
GREYLISTED = smtplib.SMTPRecipientsRefused({"ada@example.com": (450, b"4.2.0 try again later")})


class BrokenMailServer(BaseEmailBackend):
    error: ClassVar[Exception]
    message_ids: ClassVar[list[str]]

    def send_messages(self, messages: Any) -> int:
        self.message_ids += [message.message()["Message-ID"] for message in messages]
        raise self.error


@pytest.fixture
def break_server(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(BrokenMailServer, "message_ids", [], raising=False)

    def break_server(error: Exception) -> list[str]:
        monkeypatch.setattr(BrokenMailServer, "error", error, raising=False)
        set_email_url(settings, "tests.integration.test_mail_failures.BrokenMailServer")
        return BrokenMailServer.message_ids

    return break_server


@pytest.mark.parametrize(
    ("error", "tries"),
    [
        (TimeoutError("timed out"), 1),
        (ConnectionRefusedError(), 1),
        (smtplib.SMTPServerDisconnected("Connection unexpectedly closed"), 1),
        (smtplib.SMTPAuthenticationError(535, b"wrong password"), 1),
        (REFUSED, 3),
        (ValueError("a template of the founder's is broken"), 3),
    ],
)
def test_unusable_mail_server_is_asked_once_per_run(
    as_ada: Client, club: ProductConfiguration, break_server: Any, error: Exception, tries: int
) -> None:
    purchase = buy(as_ada, club)
    Mail.objects.all().delete()
    tried = break_server(error)
    for about in "abc":
        Mail.objects.create(purchase=purchase, kind=Mail.Kind.CONFIRMED, about=about)
    assert send_unsent() == 3
    assert len(tried) == tries


@pytest.mark.parametrize(
    ("error", "age", "gives_up"),
    [
        (REFUSED, 2 * DAY, True),
        (REFUSED, DAY / 2, False),
        (GREYLISTED, 9 * DAY, False),
        (TimeoutError(), 9 * DAY, False),
    ],
)
def test_refused_address_is_given_up_after_a_day_and_shown(
    as_ada: Client,
    icons: ProductConfiguration,
    break_server: Any,
    error: Exception,
    age: timedelta,
    gives_up: bool,
) -> None:
    tried = break_server(error)
    buy(as_ada, icons)
    Mail.objects.update(created_at=timezone.now() - age)
    assert send_unsent() == (0 if gives_up else 1)
    send_unsent()
    assert len(tried) == (2 if gives_up else 3)
    assert bool(Mail.objects.get().given_up_at) == gives_up
    assert any("ada@example.com" in row.text for row in check_shop()["addresses-refused"]) == gives_up
    assert bool(check_shop()["mails-unsent"]) != gives_up


def test_all_tries_have_the_same_message_id(
    as_ada: Client, icons: ProductConfiguration, club: ProductConfiguration, break_server: Any, settings: Any
) -> None:
    tried = break_server(smtplib.SMTPServerDisconnected("after the server had accepted the e-mail"))
    buy(as_ada, icons)
    send_unsent()
    set_email_url(settings, LOCMEM)
    send_unsent()
    (sent,) = outbox.outbox
    assert [sent.message()["Message-ID"]] * 2 == tried
    buy(as_ada, club)
    assert outbox.outbox[-1].message()["Message-ID"] not in tried
