"""Valid values, as users, Docker and platforms write them."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.dockerfile import compose, instructions
from tests.unit.env_settings import PRODUCTION, ROOT, SECRETS, load_settings, start_errors

VALID: list[tuple[str, str, str, Any]] = [
    ("SITE_URL", "https://shop.example.com/", "SITE_URL", "https://shop.example.com"),
    ("SITE_URL", "HTTPS://Shop.Example.com", "SITE_URL", "https://shop.example.com"),
    ("SITE_URL", '"https://shop.example.com"', "SITE_URL", "https://shop.example.com"),
    ("SITE_URL", " https://shop.example.com\r\n", "SITE_URL", "https://shop.example.com"),
    ("SITE_URL", "https://[::1]:8000", "SITE_URL", "https://[::1]:8000"),
    ("STRIPE_SECRET_KEY", "\u200bsk_live_abc \n", "STRIPE_SECRET_KEY", "sk_live_abc"),
    ("STRIPE_WEBHOOK_SECRET", " 'whsec_abc' ", "STRIPE_WEBHOOK_SECRET", "whsec_abc"),
    *(("ADMIN_REQUIRES_MFA", text, "ADMIN_REQUIRES_MFA", True) for text in ("true ", "True", "yes", "1", "on")),
    *(("ADMIN_REQUIRES_MFA", text, "ADMIN_REQUIRES_MFA", False) for text in ("false", "No", "0", "off")),
    ("REFUND_DAYS", " 30 ", "REFUND_DAYS", 30),
    ("REFUND_DAYS", "0", "REFUND_DAYS", 0),
    ("ALLOWED_HOSTS", "a.example.com, .example.org,[::1],127.0.0.1", "ALLOWED_HOSTS",
     ["a.example.com", ".example.org", "[::1]", "127.0.0.1"]),
    ("CSRF_TRUSTED_ORIGINS", "https://*.example.com/", "CSRF_TRUSTED_ORIGINS", ["https://*.example.com"]),
    ("LANGUAGES", "de, en", "LANGUAGES", [("de", "Deutsch"), ("en", "English")]),
    ("LANGUAGE_CODE", "en-us", "LANGUAGE_CODE", "en-us"),
    ("DEFAULT_FROM_EMAIL", '"Bits, Bytes" <a@example.com>', "DEFAULT_FROM_EMAIL", '"Bits, Bytes" <a@example.com>'),
    ("SITE_NAME", "Bits, Bytes & Co", "DEFAULT_FROM_EMAIL", '"Bits, Bytes & Co" <hello@example.com>'),
    ("SITE_NAME", "Outils\u00a0! 👩\u200d🔧", "SITE_NAME", "Outils\u00a0! 👩\u200d🔧"),
    ("SITE_NAME", "Müllers Laden", "DEFAULT_FROM_EMAIL", "Müllers Laden <hello@example.com>"),
    ("TASKS_BACKEND", "Database", "TASKS_BACKEND", "database"),
    ("MEDIA_URL", "https://cdn.example.com/media/", "MEDIA_URL", "https://cdn.example.com/media/"),
    ("ALERTS_OFF", "webhooks-silent, Daily-Digest", "ALERTS_OFF", ["webhooks-silent", "daily-digest"]),
    *(("ALERT_WEBHOOK_URL", url, "ALERT_WEBHOOK_URL", url) for url in (
        "https://hooks.slack.com/services/T0123ABCD/B0123ABCD/x1Y2",
        "https://discord.com/api/webhooks/1234/ab-C_d/slack",
        "https://chat.example.com:8065/hooks/abc123?x=1",
        "http://127.0.0.1:3000/hooks/abc/def",
        "http://localhost/hooks/abc",
    )),
    ("HOST", "[::]", "WEB_HOST", "::"),
    ("HOST", "localhost", "WEB_HOST", "127.0.0.1"),
    ("SECRET_KEY", "with a blank, ~ and # in it", "SECRET_KEY", "with a blank, ~ and # in it"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value", "setting", "expected"), VALID)
def test_valid_value_is_parsed(tmp_path: Path, name: str, value: str, setting: str, expected: Any) -> None:
    assert load_settings(tmp_path, **{**PRODUCTION, name: value})[setting] == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgres://u:p%40w@db:5432/shop", {"HOST": "db", "PORT": 5432, "NAME": "shop", "PASSWORD": "p@w"}),
        ("postgresql://u:p@db/shop?sslmode=require", {"OPTIONS": {"sslmode": "require", "connect_timeout": 5}}),
        ("postgres://u:p@db/shop?disable_server_side_cursors=true", {"DISABLE_SERVER_SIDE_CURSORS": True}),
        ("postgres://u:p@db/shop?disable_server_side_cursors=false", {"DISABLE_SERVER_SIDE_CURSORS": False}),
        ("postgres://u:p@db/shop", {"DISABLE_SERVER_SIDE_CURSORS": False}),
        ("postgres://u:p@a:5432,b:5433/shop", {"HOST": "a,b", "PORT": "5432,5433"}),
        ("postgres:///shop", {"HOST": "", "NAME": "shop"}),
        ("postgres:////run/postgresql/shop", {"HOST": "/run/postgresql", "NAME": "shop"}),
        ("postgres://u:p@%2Frun%2Fpostgresql/shop", {"NAME": "shop"}),
        ("sqlite:////srv/shop.sqlite3", {"NAME": "/srv/shop.sqlite3"}),
        ("sqlite://:memory:", {"NAME": ":memory:"}),
    ],
)  # fmt: skip
def test_database_url_is_parsed(tmp_path: Path, url: str, expected: dict[str, Any]) -> None:
    database = load_settings(tmp_path, **PRODUCTION, DATABASE_URL=url)["DATABASES"]["default"]
    assert {name: database[name] for name in expected} == expected


@pytest.mark.parametrize(
    "url", ["redis://localhost:6379/1", "rediss://default:p%23w@r.example.com:6380", "redis://r"]
)
def test_cache_url_is_parsed(tmp_path: Path, url: str) -> None:
    cache = load_settings(tmp_path, **PRODUCTION, CACHE_URL=url)["CACHES"]["default"]
    assert cache["LOCATION"] == url


def test_site_url_of_development_has_the_port(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, SECRET_KEY="tests", DEBUG="true", PORT="8123")
    assert settings["SITE_URL"] == "http://127.0.0.1:8123"


def test_empty_variable_counts_as_unset(tmp_path: Path) -> None:
    """compose.yaml and the Makefile pass unset variables as empty strings."""
    unset = load_settings(tmp_path, **PRODUCTION)
    empty = dict.fromkeys(unset["env"].known - {*PRODUCTION, "VAR_DIR", "ENV_FILE"}, "")
    found = load_settings(tmp_path, **PRODUCTION, **empty)
    assert {name: value for name, value in found.items() if name.isupper() and name != "ENVIRON"} == {
        name: value for name, value in unset.items() if name.isupper() and name != "ENVIRON"
    }


def test_values_in_the_environment_are_stripped(tmp_path: Path) -> None:
    keys = {"AWS_ACCESS_KEY_ID": " AKIA1\n", "AWS_SECRET_ACCESS_KEY": '"secret"'}
    environ = load_settings(tmp_path, **PRODUCTION, **keys)["ENVIRON"]
    assert (environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"]) == ("AKIA1", "secret")


def test_variable_can_refer_to_another(tmp_path: Path) -> None:
    named = {"CACHE_URL": "$REDIS_URL", "REDIS_URL": "redis://r:6379"}
    cache = load_settings(tmp_path, **PRODUCTION, **named)["CACHES"]["default"]
    assert cache["LOCATION"] == "redis://r:6379"


def test_added_variable_is_validated(tmp_path: Path) -> None:
    env = load_settings(tmp_path, **PRODUCTION, MY_FLAG="ture", MY_JSON="[1]", MY_TEXT=" x ")["env"]
    assert env.read("MY_JSON", json.loads, default=[]) == []  # the environment is restored by now
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MY_FLAG", "ture")
        patch.setenv("MY_JSON", "[1]")
        assert env.read("MY_JSON", json.loads, default=[]) == [1]
        with pytest.raises(SystemExit, match=r"MY_FLAG is 'ture', but it must be true or false"):
            env.bool("MY_FLAG", default=False)


# --- files that name variables -----------------------------------------------------------------------------
def pairs(text: str) -> dict[str, str]:
    """Return the variables of an example file, including those in comments."""
    found = re.findall(r"^#? ?([A-Z][A-Z0-9_]*)=(.*?)(?:[ ]+#.*)?$", text, re.MULTILINE)
    return {name: value for name, value in found if "…" not in value}


@pytest.mark.parametrize("file", [".env.example", "deploy/production.env.example"])
def test_values_of_the_examples_are_valid(tmp_path: Path, file: str) -> None:
    shown = pairs((ROOT / file).read_text())
    env_file = tmp_path / ".env"
    text = "".join(
        f"{name}={value}\n" for name, value in shown.items() if name not in ("ENV_FILE", "VAR_DIR")
    )
    env_file.write_text(text.replace("STATIC_ROOT=/srv/static", ""))
    keys = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y"}
    assert start_errors(tmp_path, **SECRETS, **keys, ENV_FILE=str(env_file)) == []


def test_example_documents_exactly_the_known_variables(tmp_path: Path) -> None:
    known = load_settings(tmp_path, **PRODUCTION)["env"].known
    assert {*pairs((ROOT / ".env.example").read_text())} == known


def test_platform_files_set_only_known_variables(tmp_path: Path) -> None:
    known = load_settings(tmp_path, **PRODUCTION)["env"].known
    named = {*pairs((ROOT / "deploy/production.env.example").read_text())}
    named |= {*compose()["services"]["web"]["environment"]}
    named |= {*tomllib.loads((ROOT / "deploy/fly.toml").read_text())["env"]}
    render = yaml.safe_load((ROOT / "deploy/render.yaml").read_text())
    lists = [group["envVars"] for group in render["envVarGroups"]]
    lists += [service["envVars"] for service in render["services"] if "envVars" in service]
    named |= {entry["key"] for entries in lists for entry in entries if "key" in entry}
    docker = " ".join(rest for name, rest in instructions((ROOT / "Dockerfile").read_text()) if name == "ENV")
    named |= {*re.findall(r"([A-Z_]+)=", docker)} - {"PATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"}
    assert named <= known


def test_values_of_platform_files_are_valid(tmp_path: Path) -> None:
    fly = tomllib.loads((ROOT / "deploy/fly.toml").read_text())["env"]
    render = yaml.safe_load((ROOT / "deploy/render.yaml").read_text())
    group = {entry["key"]: entry["value"] for entry in render["envVarGroups"][0]["envVars"]}
    inside = {
        name: re.sub(r"\$\{.*\}", "password", str(value))
        for name, value in compose()["services"]["web"]["environment"].items()
        if name != "VAR_DIR"
    }
    for values in (fly, group, inside):
        assert start_errors(tmp_path, **{**PRODUCTION, **values}) == []


def test_code_reads_only_declared_variables(tmp_path: Path) -> None:
    known = load_settings(tmp_path, **PRODUCTION)["env"].known
    reading = re.compile(
        r"""(?:environ(?:\.get|\.setdefault|\.pop)?|getenv|VALUES(?:\.get)?|values\.get)[(\[]\s*["']([A-Z0-9_]+)["']"""
    )
    machine = {"DJANGO_SETTINGS_MODULE", "PROMETHEUS_MULTIPROC_DIR"}
    for path in [*(ROOT / "config").glob("*.py"), *(ROOT / "apps").rglob("*.py")]:
        assert {*reading.findall(path.read_text())} - machine <= known, path
    # Scripts may also read variables of the Makefile, of the machine and of tests.
    machine |= {"CI", "DISPLAY", "WAYLAND_DISPLAY", "E2E_BROWSER", "EVERY_STEP", "RATE", "ENVIRONMENT_FILE"}
    machine |= {"BUILDAH_ISOLATION", "AUDIT", "CHROME_PATH", "DOWN_SINCE"}
    machine |= {"CODESPACES", "CODESPACE_NAME", "GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN"}
    makefile = {*re.findall(r"\b[A-Z]+\b", (ROOT / "Makefile").read_text())}
    for path in (ROOT / "scripts").glob("*.py"):
        assert {*reading.findall(path.read_text())} - machine - makefile <= known, path
