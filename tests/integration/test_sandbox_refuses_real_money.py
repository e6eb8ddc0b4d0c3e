"""The sandbox doesn't start where real money could be meant."""

from __future__ import annotations

from typing import Any

import pytest

from apps.stripe_sandbox.checks import refuse_real_money


def ids() -> list[str | None]:
    return [problem.id for problem in refuse_real_money(None)]


def test_fine_in_development(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.DEBUG = True
    assert ids() == []


@pytest.mark.parametrize("key", ["sk_live_abc", "rk_live_abc"])
@pytest.mark.parametrize("where", ["settings", "environment"])
def test_never_with_a_live_key(settings: Any, monkeypatch: pytest.MonkeyPatch, key: str, where: str) -> None:
    settings.DEBUG = True
    if where == "settings":
        settings.STRIPE_SECRET_KEY = key
    else:
        monkeypatch.setenv("STRIPE_SECRET_KEY", key)
    assert ids() == ["stripe_sandbox.E001"]


def test_in_production_only_when_asked_for(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.DEBUG = False
    monkeypatch.delenv("STRIPE_SANDBOX", raising=False)
    assert ids() == ["stripe_sandbox.E002"]
    monkeypatch.setenv("STRIPE_SANDBOX", "true")
    assert ids() == []
