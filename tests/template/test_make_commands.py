"""`make run` and `make e2e-stripe` report mistakes in one line, before anything slow or costly."""

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import get_commands

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Copy the scripts to a path with a space in it, without a virtual environment."""
    folder = tmp_path / "my shop"
    shutil.copytree(ROOT / "config", folder / "config", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "scripts", folder / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / ".env.example", folder)
    return folder


def error_of(folder: Path, *command: str, **environment: str) -> str:
    """Return the error message of a command that must fail."""
    clean = {key: value for key, value in os.environ.items() if "STRIPE" not in key and key != "SECRET_KEY"}
    done = subprocess.run(
        ["scripts/python.sh", *command],
        cwd=folder,
        # scripts/python.sh tries PYTHON first. A search may be slow: pyenv starts a shell for each version.
        env={**clean, "PORT": "0", "PYTHON": sys.executable, **environment},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    return done.stderr


def test_port_in_use_is_named(clone: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        error = error_of(clone, "scripts/run_site.py", PORT=port)
    assert error.startswith(f"Port {port} is in use.")
    assert error.count("\n") == 1


def test_invalid_port_is_refused(clone: Path) -> None:
    assert error_of(clone, "scripts/run_site.py", PORT="http").startswith("PORT=http is not a port.")


def test_port_of_env_file_is_used(clone: Path) -> None:
    (clone / ".env").write_text("SECRET_KEY=x\nPORT=http\n")
    assert error_of(clone, "scripts/run_site.py", PORT="").startswith("PORT=http is not a port.")


def test_broken_line_in_env_file_is_named_without_its_secret(clone: Path, free_port: str) -> None:
    (clone / ".env").write_text("# mine\nSECRET_KEY=x\n\nSTRIPE_SECRET_KEY: sk_test_abcdefgh\n")
    error = error_of(clone, "scripts/run_site.py", PORT=free_port)
    assert error.startswith(".env line 4 is not KEY=value: STRIPE_SECRET_KEY")
    assert "abcdefgh" not in error


def test_unclosed_quote_in_env_file_is_named(clone: Path, free_port: str) -> None:
    (clone / ".env").write_text('SECRET_KEY=x\nSITE_NAME="Our shop\n')
    assert error_of(clone, "scripts/run_site.py", PORT=free_port).startswith(".env line 2 is not KEY=value")


def test_variable_set_twice_in_env_file_is_named(clone: Path, free_port: str) -> None:
    (clone / ".env").write_text("SECRET_KEY=x\nSECRET_KEY=y\n")
    error = error_of(clone, "scripts/run_site.py", PORT=free_port)
    assert error == ".env line 2 sets SECRET_KEY a second time. Keep only one of the lines.\n"


def test_env_file_without_secret_key_is_reported_and_unchanged(clone: Path, free_port: str) -> None:
    (clone / ".env").write_text("DEBUG=true\n")
    assert error_of(clone, "scripts/run_site.py", PORT=free_port).startswith(".env has no SECRET_KEY.")
    assert (clone / ".env").read_text() == "DEBUG=true\n"


def test_missing_python_is_reported_in_one_line(clone: Path) -> None:
    error = error_of(clone, "scripts/run_site.py", PATH="/nonexistent", PYTHON="")
    assert error.startswith("Python 3.11 or newer is needed")
    assert error.count("\n") == 1


def test_stripe_tests_refuse_a_live_key(clone: Path) -> None:
    (clone / ".env").write_text("SECRET_KEY=x\nSTRIPE_SECRET_KEY=rk_live_abc\n")
    assert "is a live key" in error_of(clone, "scripts/run_e2e.py", "stripe")


@pytest.mark.parametrize("line", ["", "STRIPE_SECRET_KEY=pk_test_abc"])
def test_stripe_tests_require_a_test_key(clone: Path, line: str) -> None:
    (clone / ".env").write_text(f"SECRET_KEY=x\n{line}\n")
    assert error_of(clone, "scripts/run_e2e.py", "stripe").startswith("There is no test key.")


def test_each_documented_command_exists() -> None:
    """Check the commands in the README, deploy pages, systemd units, images and workflows."""
    texts = [ROOT / name for name in ("README.md", ".env.example", "Dockerfile", "compose.yaml")]
    texts += [
        path
        for folder in ("deploy", "docs/deploy", ".github/workflows")
        for path in (ROOT / folder).iterdir()
    ]
    text = "\n".join(path.read_text() for path in texts)
    assert set(re.findall(r"manage\.py ([a-z_]+)", text)) <= {*get_commands()}
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:`|&& |  |run: )make ([a-z0-9-]+)", text)) <= targets
    modules = set(re.findall(r'"?-m"?,? "?config\.(\w+)', text))
    assert modules == {"cron", "health", "server"}
    assert all((ROOT / f"config/{name}.py").is_file() for name in modules)


@pytest.fixture
def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return str(server.getsockname()[1])
