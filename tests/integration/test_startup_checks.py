"""A misconfigured shop does not start, and prints one line for each wrong variable."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from apps.core.site_urls import is_public_url
from tests.forked_starts import start_each

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "deploy" / "production.env.example"
SECRETS = {
    "SECRET_KEY": "q8fJ2n5sVb0wLx7Rk3tYc9ZmHa4GdUe1PoTi6NQvWsXjKyBzCM",
    "STRIPE_SECRET_KEY": "sk_live_51NotAKeyOfAnybody",
    "STRIPE_WEBHOOK_SECRET": "whsec_NotASecretOfAnybody",
}
# Environment ▶ the variable that the error names.
MISTAKES: list[tuple[dict[str, str], str]] = [
    ({"DEBUG": "true"}, "DEBUG"),
    ({"DEBUG": "true", "SITE_URL": "http://127.0.0.1:8000", "HOST": "0.0.0.0"}, "DEBUG"),
    ({"BEHIND_TLS_PROXY": "false"}, "BEHIND_TLS_PROXY"),
    (
        {
            "BEHIND_TLS_PROXY": "false",
            "DOWNLOADS_SERVED_BY": "nginx",
            "SITE_URL": "http://shop.example.com",
        },
        "SITE_URL,DOWNLOADS_SERVED_BY",
    ),
    ({"SECRET_KEY": ""}, "SECRET_KEY"),
    ({"SECRET_KEY": "too short"}, "SECRET_KEY"),
    ({"SECRET_KEY": "django-insecure-" + SECRETS["SECRET_KEY"]}, "SECRET_KEY"),
    ({"ALLOWED_HOSTS": ""}, "ALLOWED_HOSTS"),
    ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS"),
    ({"SITE_URL": ""}, "SITE_URL"),
    ({"SITE_URL": "http://shop.example.com"}, "SITE_URL"),
    ({"STRIPE_SECRET_KEY": ""}, "STRIPE_SECRET_KEY"),
    ({"STRIPE_SECRET_KEY": "pk_live_1"}, "STRIPE_SECRET_KEY"),
    ({"STRIPE_SECRET_KEY": "sk_test_1"}, "STRIPE_SECRET_KEY"),
    ({"STRIPE_SANDBOX": "true"}, "STRIPE_SECRET_KEY"),  # a live key with the sandbox
    ({"STRIPE_WEBHOOK_SECRET": ""}, "STRIPE_WEBHOOK_SECRET"),
    ({"STRIPE_WEBHOOK_SECRET": "sk_live_1"}, "STRIPE_WEBHOOK_SECRET"),
    ({"EMAIL_URL": ""}, "EMAIL_URL"),
    ({"RATE_LIMITS": "checkout=often"}, "RATE_LIMITS"),
    ({"SITE_URL": "shop.example.com", "DEBUG": "true"}, "SITE_URL"),  # an invalid URL does not count as local
    ({"SITE_URL": "https://shop.exmaple.com"}, "ALLOWED_HOSTS"),
    ({"SITE_URL": "https://127.0.0.1"}, "ALLOWED_HOSTS"),
    (
        {"SITE_URL": "http://127.0.0.1", "ALLOWED_HOSTS": "127.0.0.1,shop.example.com"},
        "SITE_URL",  # its other host is public
    ),
    ({"DEBUG": "true", "SITE_URL": "http://127.0.0.1:8000"}, "DEBUG"),  # a live key in development
    ({"DEBUG": "true", "SITE_URL": "http://127.0.0.1", "STRIPE_SECRET_KEY": "", "HOST": "::"}, "DEBUG"),
    ({"EMAIL_URL": "postmark://?api_url=https://mail.example.com"}, "EMAIL_URL"),
    ({"EMAIL_URL": "sendgrid://?api-key=x"}, "EMAIL_URL"),
    ({"EMAIL_URL": "django.core.mail.backends.console.EmailBackend"}, "EMAIL_URL"),
    ({"EMAIL_URL": "apps.devtools.mailbox.EmailBackend"}, "EMAIL_URL"),
    ({"EMAIL_URL": "apps.core.email_backends.UnsentEmailBackend"}, "EMAIL_URL"),
    (
        {
            "STRIPE_SECRET_KEY": "",
            "STRIPE_SANDBOX": "true",
            "EMAIL_URL": "",
            "ACCOUNT_EMAIL_VERIFICATION": "mandatory",
        },
        "ACCOUNT_EMAIL_VERIFICATION",
    ),
]
VALID = [
    {"RATE_LIMITS": "checkout=5/m/user,20/5m/ip;search="},
    {"STRIPE_SECRET_KEY": "sk_test_1", "ALLOW_TEST_KEYS": "true"},
    {"STRIPE_SECRET_KEY": "", "STRIPE_WEBHOOK_SECRET": "", "STRIPE_SANDBOX": "true", "EMAIL_URL": ""},
    {"DEBUG": "true", "SITE_URL": "http://127.0.0.1:8000", "STRIPE_SECRET_KEY": "", "SECRET_KEY": "short"},
]
RUN_CHECKS = (
    "from config.production_checks import exit_if_misconfigured; exit_if_misconfigured(); print('open')"
)

DEPLOY_CHECK = """
import django; django.setup()
from django.core.management import call_command; call_command("check", deploy=True, fail_level="DEBUG")
"""


def environment(folder: Path, mistake: dict[str, str]) -> dict[str, str]:
    """Return only the example environment, its secrets filled in, and `mistake`."""
    values = {"VAR_DIR": str(folder), "ENV_FILE": str(EXAMPLE), **SECRETS, **mistake}
    return {"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "config.settings", **values}


def python(folder: Path, mistake: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python with this environment."""
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=environment(folder, mistake), capture_output=True, text=True, timeout=100
    )


def test_example_environment_needs_only_secrets(tmp_path: Path) -> None:
    [done] = start_each([environment(tmp_path, {})], DEPLOY_CHECK)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("System check identified no issues")


def test_each_mistake_prints_one_line_that_names_its_variable(tmp_path: Path) -> None:
    refusals = start_each([environment(tmp_path, mistake) for mistake, _variable in MISTAKES], RUN_CHECKS)
    for (mistake, variable), done in zip(MISTAKES, refusals, strict=True):
        assert done.returncode == 1, mistake
        assert done.stdout == "", mistake
        named = [
            line.removeprefix("The shop does not start. ").split()[0] for line in done.stderr.splitlines()
        ]
        assert named == variable.split(","), (mistake, done.stderr)


def test_valid_settings_are_accepted(tmp_path: Path) -> None:
    starts = start_each([environment(tmp_path, values) for values in VALID], RUN_CHECKS)
    for values, done in zip(VALID, starts, strict=True):
        assert (done.stdout, done.stderr) == ("open\n", ""), values


@pytest.mark.parametrize(
    "start", [["-m", "config.server"], ["-c", "import config.wsgi"], ["-c", "import config.asgi"]]
)
def test_every_start_command_runs_the_checks(tmp_path: Path, start: list[str]) -> None:
    done = python(tmp_path, {"STRIPE_WEBHOOK_SECRET": ""}, *start)
    assert done.returncode == 1
    assert done.stderr.startswith("The shop does not start. STRIPE_WEBHOOK_SECRET ")
    assert done.stderr.count("\n") == 1


def test_server_names_a_port_in_use_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        done = python(tmp_path, {"PORT": port}, "-m", "config.server")
    assert done.returncode == 1
    assert done.stderr == f"The shop does not start. HOST 127.0.0.1, PORT {port}: Address already in use.\n"


@pytest.mark.parametrize("server", ["config.wsgi", "config.asgi"])
def test_server_starts_while_the_database_is_down(tmp_path: Path, server: str) -> None:
    done = python(tmp_path, {"DATABASE_URL": "postgres://shop@127.0.0.1:1/shop"}, "-c", f"import {server}")
    assert done.returncode == 0, done.stderr


# All of them read the settings first.
COMMANDS = [
    "manage.py migrate",
    "manage.py db_worker",
    "manage.py runserver 127.0.0.1:0",
    "-m config.server",
    "-m config.cron",
    "scripts/prepare_site.py 8000",
    "scripts/backup.py backup",
]


def test_every_command_prints_one_line_for_each_wrong_variable(tmp_path: Path) -> None:
    wrong = {"SITE_URL": "shop.example.com", "ADMIN_REQUIRES_MFA": "ture", "STRIPE_SECERT_KEY": "sk_live_1"}
    with ThreadPoolExecutor(2) as pool:
        refusals = list(pool.map(lambda command: python(tmp_path, wrong, *command.split()), COMMANDS))
    for command, done in zip(COMMANDS, refusals, strict=True):
        assert (done.returncode, done.stdout) == (1, ""), command
        assert [line.split()[5] for line in done.stderr.splitlines()] == [
            "STRIPE_SECERT_KEY",
            "SITE_URL",
            "ADMIN_REQUIRES_MFA",
        ], (command, done.stderr)


def test_invalid_env_file_prints_one_line(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DEBUG=true\nSECRET_KEY: hunter2\n")
    for command in ("manage.py check", "manage.py runserver 127.0.0.1:0", "-m config.server"):
        done = python(tmp_path, {"ENV_FILE": str(tmp_path / ".env")}, *command.split())
        error = "The shop does not start. .env line 2 is not KEY=value: SECRET_KEY.\n"
        assert (done.returncode, done.stdout, done.stderr) == (1, "", error), command


def test_misconfigured_runserver_ends_with_its_autoreloader(tmp_path: Path) -> None:
    done = python(tmp_path, {"DEBUG": "true"}, "manage.py", "runserver", "127.0.0.1:0")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("The shop does not start. DEBUG is true")
    assert done.stderr.count("\n") == 1


def test_deploy_check_reports_misconfiguration(tmp_path: Path) -> None:
    done = python(tmp_path, {"STRIPE_SECRET_KEY": "sk_test_1"}, "manage.py", "check", "--deploy")
    assert done.returncode == 1
    assert "ALLOW_TEST_KEYS" in done.stderr


@pytest.mark.parametrize(
    ("url", "public"),
    [
        ("https://shop.example.com", True),
        ("https://93.184.215.14", True),
        ("http://127.0.0.1:8000", False),
        ("http://[::1]:8000", False),
        ("http://192.168.1.20:8000", False),
        ("http://localhost:8000", False),
        ("https://shop.localhost", False),
        ("https://printer.local", False),
    ],
)
def test_public_urls_are_recognized(url: str, public: bool) -> None:
    assert is_public_url(url) is public


def test_cookie_names_have_the_host_prefix_with_tls(tmp_path: Path) -> None:
    names = "SESSION_COOKIE_NAME CSRF_COOKIE_NAME LANGUAGE_COOKIE_NAME THEME_COOKIE_NAME MESSAGES_COOKIE_NAME"
    show = f"from django.conf import settings; print(*(getattr(settings, name) for name in {names.split()}))"
    local = {"DEBUG": "true", "SITE_URL": "http://127.0.0.1:8000"}
    assert "__Host-sessionid __Host-csrftoken __Host-language" in python(tmp_path, {}, "-c", show).stdout
    assert python(tmp_path, local, "-c", show).stdout == "sessionid csrftoken language theme messages\n"
