"""Argon2 with OWASP's parameters; older hashes are upgraded at sign-in."""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher, get_hashers, make_password
from django.test import Client

from apps.users.hashers import SmallArgon2PasswordHasher
from apps.users.models import User
from config import settings as shop
from tests.account_actions import sign_in, signed_in_as

pytestmark = pytest.mark.django_db

PASSWORD = "ada-buys-things"
OWASP = "argon2$argon2id$v=19$m=19456,t=2,p=1$"
DJANGOS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]


@pytest.fixture(autouse=True)
def _shops_hashers(settings: Any) -> None:
    settings.PASSWORD_HASHERS = shop.PASSWORD_HASHERS


def test_new_password_is_hashed_with_owasp_parameters(client: Client) -> None:
    client.post("/accounts/signup/", {"email": "grace@example.com", "password1": PASSWORD})
    assert User.objects.get().password.startswith(OWASP)


@pytest.mark.parametrize("hasher", DJANGOS)
def test_old_hash_is_verified_and_upgraded_at_sign_in(
    ada: User, client: Client, settings: Any, hasher: str
) -> None:
    settings.PASSWORD_HASHERS = [hasher]
    ada.password = make_password(PASSWORD)
    ada.save()
    settings.PASSWORD_HASHERS = shop.PASSWORD_HASHERS
    assert not ada.password.startswith(OWASP)

    sign_in(Client(), ada.email, "a wrong guess")
    ada.refresh_from_db()
    assert not ada.password.startswith(OWASP)
    sign_in(client, ada.email, PASSWORD)
    assert signed_in_as(client) == ada.email
    ada.refresh_from_db()
    assert ada.password.startswith(OWASP)

    again = Client()
    sign_in(again, ada.email, PASSWORD)
    assert signed_in_as(again) == ada.email
    hash_before = ada.password
    ada.refresh_from_db()
    assert ada.password == hash_before


def test_upgrading_the_hash_keeps_the_session_signed_in(ada: User, client: Client, settings: Any) -> None:
    """Django's sessions depend on the hash."""
    settings.PASSWORD_HASHERS = DJANGOS[:1]
    ada.password = make_password(PASSWORD)
    ada.save()
    client.force_login(ada)
    settings.PASSWORD_HASHERS = shop.PASSWORD_HASHERS
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    ada.refresh_from_db()
    assert ada.password.startswith(OWASP)
    assert signed_in_as(client) == ada.email


def test_first_hasher_is_argon2() -> None:
    assert get_hashers()[0].algorithm == "argon2"


def test_concurrent_sign_ins_hash_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each hash takes its memory, so concurrent hashes would add up."""
    now, maximum = 0, 0

    def counted(self: Any, *arguments: str) -> bool:
        nonlocal now, maximum
        now += 1
        maximum = max(maximum, now)
        time.sleep(0.01)
        now -= 1
        return True

    monkeypatch.setattr(Argon2PasswordHasher, "verify", counted)
    monkeypatch.setattr(Argon2PasswordHasher, "encode", counted)
    hasher = SmallArgon2PasswordHasher()
    with ThreadPoolExecutor(8) as threads:
        for number in range(8):
            threads.submit(hasher.verify if number % 2 else hasher.encode, "a password", "salt")
    assert maximum == 1


MEASURE = """
import re
from concurrent.futures import ThreadPoolExecutor
from django.conf import settings
settings.configure()
from apps.users.hashers import SmallArgon2PasswordHasher
def megabytes(line): return int(re.search(line + r":\\s+(\\d+) kB", open("/proc/self/status").read())[1]) // 1000
before = megabytes("VmRSS")
with ThreadPoolExecutor(16) as threads:
    list(threads.map(lambda number: SmallArgon2PasswordHasher().encode("a password", "some salt"), range(48)))
    print(megabytes("VmHWM") - before, megabytes("VmRSS") - before)
"""

if sys.platform == "linux":  # the test reads /proc

    def test_sixteen_sign_ins_use_the_memory_of_one_and_free_it() -> None:
        done = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True)
        peak, remaining = map(int, done.stdout.split())
        assert peak < 40
        assert remaining < 15
