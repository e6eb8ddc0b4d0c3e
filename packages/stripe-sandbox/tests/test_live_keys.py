"""The sandbox does not start with a live key."""

from __future__ import annotations

from typing import Any

import pytest

from stripe_sandbox import api
from stripe_sandbox.checks import refuse_real_money


def error_ids() -> list[str | None]:
    return [problem.id for problem in refuse_real_money(None)]


def test_sandbox_starts_in_development(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.DEBUG = True
    assert error_ids() == []


@pytest.mark.parametrize("key", ["sk_live_abc", "rk_live_abc"])
@pytest.mark.parametrize("source", ["settings", "environment"])
def test_live_key_prevents_start(
    settings: Any, monkeypatch: pytest.MonkeyPatch, key: str, source: str
) -> None:
    settings.DEBUG = True
    if source == "settings":
        settings.STRIPE_SECRET_KEY = key
    else:
        monkeypatch.setenv("STRIPE_SECRET_KEY", key)
    assert error_ids() == ["stripe_sandbox.E001"]


def test_production_requires_setting(settings: Any) -> None:
    settings.DEBUG = False
    settings.STRIPE_SANDBOX = False
    assert error_ids() == ["stripe_sandbox.E002"]
    settings.STRIPE_SANDBOX = True
    assert error_ids() == []


def test_public_demo_accepts_only_its_key(sandbox: Any, settings: Any) -> None:
    settings.STRIPE_SANDBOX_ANY_KEY = False
    settings.STRIPE_SECRET_KEY = "sk_test_of_this_site"

    def status(key: str) -> int:
        return api.handle(
            "GET", "/v1/customers", {"Authorization": f"Bearer {key}"}, b"", "", "http://x"
        ).status

    assert [status("sk_test_of_this_site"), status("sk_test_guessed")] == [200, 401]
