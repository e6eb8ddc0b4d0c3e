"""scripts/environment.py installs with uv, or with pip where uv is missing or fails."""

from __future__ import annotations

from pathlib import Path

import pytest

import environment
import run_next

PYTHON = Path("/venv/bin/python")


@pytest.mark.parametrize(
    ("uv", "uv_fails", "programs"),
    [
        ("/bin/uv", False, ["/bin/uv"]),
        ("/bin/uv", True, ["/bin/uv", str(PYTHON)]),
        (None, False, [str(PYTHON)]),
    ],
)
def test_pip_is_used_if_uv_is_missing_or_fails(
    uv: str | None, uv_fails: bool, programs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[tuple[str, ...]] = []

    def run(*command: str | Path, **_options: object) -> int:
        commands.append(tuple(map(str, command)))
        return int(uv_fails and command[0] == uv)

    monkeypatch.setattr(environment, "run", run)
    monkeypatch.setattr(environment, "_find_uv", lambda: uv)
    environment.install(PYTHON, "--require-hashes", "-r", "requirements.txt")
    assert [command[0] for command in commands] == programs
    assert all(command[-3:] == ("--require-hashes", "-r", "requirements.txt") for command in commands)


def test_failed_installation_ends_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "run", lambda *_command, **_options: 1)
    monkeypatch.setattr(environment, "_find_uv", lambda: "/bin/uv")
    with pytest.raises(SystemExit):
        environment.install(PYTHON, "-r", "requirements.txt")


def test_newest_django_is_tested_with_the_packages_of_the_shop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[tuple[str | Path, ...]] = []
    monkeypatch.setattr(run_next, "VENV", tmp_path)
    monkeypatch.setattr(run_next.subprocess, "run", lambda *_command, **_options: None)
    monkeypatch.setattr(run_next, "install", lambda *command: commands.append(command))
    run_next._ensure("python3.13", (3, 13, 0))
    assert any({"-r", environment.SHOP} <= set(command) for command in commands)
