"""apps/shop/settings.py changes the settings; its mistakes are readable."""

import runpy
from typing import Any

import pytest


def load_settings(monkeypatch: pytest.MonkeyPatch, configure: Any) -> dict[str, Any]:
    monkeypatch.setattr("apps.shop.settings.configure", configure)
    return runpy.run_path("config/settings.py")


def test_configure_changes_and_adds_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    def configure(settings: dict[str, Any], env: Any) -> None:
        settings["INDEXED_PAGES"] += ["about"]
        settings["TEAM_SIZE"] = env.int("TEAM_SIZE", default=3)

    values = load_settings(monkeypatch, configure)
    assert (values["INDEXED_PAGES"][-1], values["TEAM_SIZE"]) == ("about", 3)


def test_missing_variable_is_named_even_if_its_use_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def configure(settings: dict[str, Any], env: Any) -> None:
        settings["TEAM_HOURS"] = env.int("TEAM_SIZE") + 40  # read returns an empty text

    with pytest.raises(SystemExit, match="TEAM_SIZE is not set"):
        load_settings(monkeypatch, configure)


def test_other_errors_of_configure_are_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def configure(settings: dict[str, Any], env: Any) -> None:
        del settings["NO_SUCH_SETTING"]

    with pytest.raises(KeyError, match="NO_SUCH_SETTING"):
        load_settings(monkeypatch, configure)
