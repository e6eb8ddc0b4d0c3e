"""`manage.py check` refuses settings of apps/shop that would break promises of the shop."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import checks


def found_errors() -> set[str | None]:
    return {message.id for message in checks.run_checks() if message.level >= checks.ERROR}


def test_settings_of_the_template_have_no_errors() -> None:
    assert {"ecommerce.E002", "users.E001"}.isdisjoint(found_errors())


def test_requests_in_a_transaction_are_refused(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an error, the purchase of a checkout that is open at Stripe would be missing."""
    monkeypatch.setitem(settings.DATABASES["default"], "ATOMIC_REQUESTS", True)
    assert "ecommerce.E002" in found_errors()


def test_sessions_in_cookies_are_refused(settings: Any) -> None:
    """They can't be ended from another browser or by the server."""
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    assert "users.E001" in found_errors()
