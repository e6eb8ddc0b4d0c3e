"""One address gets a limited number of e-mails of a kind a day, whichever form requests them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.test import Client

from apps.core import rate_limits
from apps.users.emails import normalize_mailbox
from apps.users.models import User
from tests.account_actions import PASSWORD, is_kind, sign_in, sign_up

pytestmark = pytest.mark.django_db

MIDNIGHT = 1_800_057_600.0
SHOP_MAX_A_DAY = 20
MAX_A_DAY = 5  # in most of these tests, which then send fewer requests
PASSWORD_OF_ADA = "ada-buys-things"


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch, settings: Any) -> SimpleNamespace:
    """Set the time for the shop's rate limits and allauth's."""
    settings.RATE_LIMITS = {
        name: rates.replace(f"{SHOP_MAX_A_DAY}/d/key", f"{MAX_A_DAY}/d/key")
        for name, rates in settings.SHOP_RATE_LIMITS.items()
    }
    moment = SimpleNamespace(now=MIDNIGHT)
    monkeypatch.setattr(rate_limits, "now", lambda: moment.now)
    fake = SimpleNamespace(time=lambda: moment.now, monotonic=time.monotonic, sleep=time.sleep)
    monkeypatch.setattr("allauth.core.internal.ratelimit.time", fake)
    return moment


def client_ips() -> Iterator[str]:
    """Yield a new client IP address each time."""
    for number in count():
        yield f"198.51.{number // 250}.{number % 250 + 1}"


def post_email(path: str, email: str, client_ip: str) -> Any:
    return Client(REMOTE_ADDR=client_ip).post(f"/accounts/{path}/", {"email": email})


@pytest.mark.parametrize("email", ["ada@example.com", "nobody@example.com"])
@pytest.mark.parametrize("path", ["login/code", "password/reset"])
def test_one_address_gets_a_limited_number_of_emails_a_day(
    ada: User, path: str, email: str, clock: SimpleNamespace, mailoutbox: list[Any]
) -> None:
    statuses = []
    for client_ip, _try in zip(client_ips(), range(MAX_A_DAY + 5), strict=False):
        clock.now += 500
        statuses.append(post_email(path, email, client_ip).status_code)
    assert statuses == [302] * MAX_A_DAY + [429] * 5
    assert [mail.to for mail in mailoutbox] == [[email]] * MAX_A_DAY

    refused = post_email(path, email, "203.0.113.9")
    assert refused.status_code == 429
    assert "23 hours" in refused.content.decode()
    assert int(refused["Retry-After"]) == MIDNIGHT + 86400 - clock.now
    assert post_email(path, "another@example.com", "203.0.113.9").status_code == 302
    clock.now = MIDNIGHT + 86400 + 5000
    assert post_email(path, email, "203.0.113.9").status_code == 302


SPELLINGS = [
    "ada@example.com",
    "ADA@Example.COM",
    " ada@example.com ",
    '"ada"@example.com',
    '"\\a\\d\\a"@example.com',
    '"Ada"@EXAMPLE.com',
    "ada@ｅxample.com",
]


@pytest.mark.parametrize("path", ["login/code", "password/reset"])
def test_spellings_of_one_address_share_a_limit(
    ada: User, path: str, clock: SimpleNamespace, mailoutbox: list[Any]
) -> None:
    for client_ip, number in zip(client_ips(), range(2 * len(SPELLINGS)), strict=False):
        clock.now += 200
        answer = post_email(path, SPELLINGS[number % len(SPELLINGS)], client_ip)
    assert answer.status_code == 429
    assert len(mailoutbox) == MAX_A_DAY


def test_similar_but_different_addresses_have_separate_limits() -> None:
    different = [
        "a.da@gmail.com",
        "ada@gmail.com",
        "ada+shop@gmail.com",
        "ada@mail.gmail.com",
        '"a da"@gmail.com',
    ]
    assert len({normalize_mailbox(email) for email in different}) == len(different)
    assert normalize_mailbox("ada@bücher.example") == normalize_mailbox("ADA@xn--bcher-kva.example")
    for odd in ("", "@", "ada", "a@" + "b" * 5000, "ada@..", '"@x', "\x00@\ud800"):
        normalize_mailbox(odd)


def request_code_three_times(client: Client, email: str, clock: SimpleNamespace) -> Iterator[Any]:
    """Ask for a code, and twice for a new one."""
    for client_ip in client_ips():
        clock.now += 200
        client.post("/accounts/logout/")
        client.defaults["REMOTE_ADDR"] = client_ip
        yield client.post("/accounts/login/code/", {"email": email})
        for _ in range(2):
            yield client.post("/accounts/login/code/confirm/", {"action": "resend"})


@pytest.mark.parametrize("email", ["ada@example.com", "nobody@example.com"])
def test_resent_codes_count_and_do_not_reveal_accounts(
    ada: User, client: Client, email: str, clock: SimpleNamespace, mailoutbox: list[Any]
) -> None:
    answers = zip(request_code_three_times(client, email, clock), range(3 * (MAX_A_DAY + 5)), strict=False)
    statuses = [answer.status_code for answer, _number in answers]
    assert statuses[: 3 * MAX_A_DAY] == [302] * 3 * MAX_A_DAY
    assert statuses[3 * MAX_A_DAY :: 3] == [429] * 5
    assert len(mailoutbox) == MAX_A_DAY


def test_reauthentication_codes_are_rate_limited(
    ada: User, clock: SimpleNamespace, mailoutbox: list[Any]
) -> None:
    EmailAddress.objects.create(user=ada, email=ada.email, verified=True, primary=True)
    client = Client()
    client.force_login(ada)
    for _ in range(MAX_A_DAY + 5):
        clock.now += 200
        client.post("/accounts/reauthenticate/code/", {"recipient": ada.email})
        for _resend in range(2):
            client.post("/accounts/reauthenticate/code/confirm/", {"action": "resend"})
    assert len(mailoutbox) == MAX_A_DAY


def test_confirmation_email_is_resent_a_limited_number_of_times_a_day(
    client: Client, settings: Any, clock: SimpleNamespace, mailoutbox: list[Any]
) -> None:
    settings.RATE_LIMITS = settings.SHOP_RATE_LIMITS
    sign_up(client)
    again = {"email": "grace@example.com", "action_send": ""}
    assert client.post("/accounts/email/", again).status_code == 429  # allauth's cooldown has not passed
    statuses = []
    for _ in range(SHOP_MAX_A_DAY + 5):
        clock.now += 200
        statuses.append(client.post("/accounts/email/", again).status_code)
    assert statuses == [302] * (SHOP_MAX_A_DAY - 1) + [429] * 6
    assert len(mailoutbox) == SHOP_MAX_A_DAY


def test_accounts_claiming_one_address_share_its_limit(
    settings: Any, clock: SimpleNamespace, mailoutbox: list[Any]
) -> None:
    settings.RATE_LIMITS = settings.SHOP_RATE_LIMITS
    statuses = []
    for number in range(SHOP_MAX_A_DAY + 5):
        clock.now += 200
        user = User.objects.create_user(f"{number}@example.com", PASSWORD)
        EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
        client = Client()
        sign_in(client, user.email, PASSWORD)
        client.post("/accounts/reauthenticate/", {"password": PASSWORD})
        spelling = ["victim@example.com", "Victim@Example.com"][number % 2]
        form = {"email": spelling, "action_add": ""}
        statuses.append(client.post("/accounts/email/", form).status_code)
    assert statuses == [302] * SHOP_MAX_A_DAY + [429] * 5
    assert [mail.to for mail in mailoutbox] == [["victim@example.com"]] * SHOP_MAX_A_DAY


def sign_up_again(ada: User, client_ip: str) -> None:
    sign_up(Client(REMOTE_ADDR=client_ip), ada.email)


def sign_in_unconfirmed(ada: User, client_ip: str) -> None:
    sign_in(Client(REMOTE_ADDR=client_ip), ada.email, PASSWORD_OF_ADA)


@pytest.mark.parametrize("act", [sign_up_again, sign_in_unconfirmed])
def test_unconfirmed_address_gets_a_limited_number_of_emails_a_day(
    ada: User,
    act: Callable[[User, str], None],
    settings: Any,
    clock: SimpleNamespace,
    mailoutbox: list[Any],
) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    for client_ip, _try in zip(client_ips(), range(MAX_A_DAY + 5), strict=False):
        clock.now += 200
        act(ada, client_ip)
    assert len(mailoutbox) == MAX_A_DAY


def test_account_notices_are_limited_by_kind(
    client: Client, clock: SimpleNamespace, mailoutbox: list[Any]
) -> None:
    """A stranger may sign up with a victim's address and change the password repeatedly."""
    sign_up(client)
    passwords = [PASSWORD, "another " + PASSWORD]
    for number in range(MAX_A_DAY + 5):
        clock.now += 200
        old, new = passwords[number % 2], passwords[1 - number % 2]
        form = {"oldpassword": old, "password1": new, "password2": new}
        assert client.post("/accounts/password/change/", form).status_code == 302
    changed = [mail for mail in mailoutbox if is_kind(mail, "account/email/password_changed")]
    assert len(changed) == MAX_A_DAY


def test_dropped_email_is_logged_without_the_address(
    ada: User, client: Client, settings: Any, caplog: pytest.LogCaptureFixture, mailoutbox: list[Any]
) -> None:
    settings.RATE_LIMITS = {"mail": "0/d/key"}
    post_email("password/reset", ada.email, "198.51.100.1")
    assert not mailoutbox
    assert "account/email/password_reset_key was not sent" in caplog.text
    assert not re.search(r"ada@", caplog.text)
