"""A fixed clock, so that codes do not expire while a test runs."""

from __future__ import annotations

import pytest
from allauth.mfa.totp.internal import auth as totp


class Clock:
    """A clock in Unix seconds; tests change `now`."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Set the time for authenticator apps and the shop."""
    clock = Clock()
    monkeypatch.setattr(totp, "time", clock)
    return clock


def totp_code(secret: str, clock: Clock) -> str:
    """Return the code that an authenticator app with this secret shows."""
    return totp.format_hotp_value(totp.hotp_value(secret, int(clock.now) // 30))
