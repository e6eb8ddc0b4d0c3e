"""For each mistake in .env, one line names the variable, the value, the expected form and a suggestion."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.unit.env_mistakes import MISTAKES
from tests.unit.env_settings import PRODUCTION, load_settings, start_errors


@pytest.mark.parametrize(("name", "value", "expected", "suggestion"), MISTAKES)
def test_invalid_value_is_one_line(
    tmp_path: Path, name: str, value: str, expected: str, suggestion: str
) -> None:
    lines = start_errors(tmp_path, **{**PRODUCTION, name: value})
    assert len(lines) == 1, lines
    assert lines[0].startswith(f"The shop does not start. {name} is ")
    assert expected in lines[0]
    assert lines[0].endswith(f" Did you mean {suggestion}?") if suggestion else "Did you mean" not in lines[0]
    assert "hunter2" not in lines[0]
    assert len(lines[0]) < (650 if name == "ALERTS_OFF" else 400)  # the message lists the names of all alerts


def test_every_kind_of_variable_has_a_test_case(tmp_path: Path) -> None:
    """Free-text variables have no invalid value."""
    settings = load_settings(tmp_path, **PRODUCTION)
    tested = {row[0] for row in MISTAKES}
    same_type = {
        "STRIPE_SANDBOX",
        "MAINTENANCE",
        "ALLOW_TEST_KEYS",
        "ALLOW_PRIVATE_IMAGE_URLS",
    }
    same_type |= {name for name in settings["env"].known if name.startswith(("CHECKOUT_", "SECURE_HSTS_"))}
    same_type |= {name for name in settings["env"].known if name.startswith(("AWS_", "GOOGLE_", "GITHUB_"))}
    free_text = {
        "SITE_TAGLINE",
        "SITE_INTRO",
        "SELLER_ADDRESS",
        "SENTRY_ENVIRONMENT",
        "SECRET_KEY",
        "ENV_FILE",
    }
    assert settings["env"].known - tested - same_type == free_text


# --- names ------------------------------------------------------------------------------------------------
MISSPELT = [
    ("STRIPE_SECERT_KEY", "STRIPE_SECRET_KEY"),
    ("STIRPE_SECRET_KEY", "STRIPE_SECRET_KEY"),
    ("STRIPE_WEBHOOK_SECERT", "STRIPE_WEBHOOK_SECRET"),
    ("SITE_ULR", "SITE_URL"),
    ("SITEURL", "SITE_URL"),
    ("site_url", "SITE_URL"),
    ("DATABSE_URL", "DATABASE_URL"),
    ("ALLOWED_HOST", "ALLOWED_HOSTS"),
    ("SECRETKEY", "SECRET_KEY"),
    ("DEBGU", "DEBUG"),
    ("PROT", "PORT"),
    ("TIMEZONE", "TIME_ZONE"),
    ("LANGUAGE", "LANGUAGES"),
    ("TRUSTED_PROXY", "TRUSTED_PROXIES"),
    ("ADMIN_REQUIRE_MFA", "ADMIN_REQUIRES_MFA"),
]


@pytest.mark.parametrize(("name", "suggestion"), MISSPELT)
def test_misspelt_name_in_the_file_is_one_line(tmp_path: Path, name: str, suggestion: str) -> None:
    correct = {key: value for key, value in PRODUCTION.items() if key != suggestion}
    (tmp_path / ".env").write_text(
        "".join(f"{key}={value}\n" for key, value in correct.items()) + f"{name}=hunter2"
    )
    (line,) = start_errors(tmp_path, ENV_FILE=str(tmp_path / ".env"))
    assert line.startswith(f"The shop does not start. {name} is not a setting. Did you mean {suggestion}?")
    assert "hunter2" not in line


@pytest.mark.parametrize("name", ["STRIPE_SECERT_KEY", "SITE_ULR", "DATABSE_URL", "ALLOWED_HOST"])
def test_misspelt_name_in_the_environment_is_one_line(tmp_path: Path, name: str) -> None:
    (line,) = start_errors(tmp_path, **PRODUCTION, **{name: "hunter2"})
    assert line.startswith(f"The shop does not start. {name} is not a setting. Did you mean ")


def test_names_of_other_programs_are_ignored(tmp_path: Path) -> None:
    others = ["HOME", "HOSTNAME", "LANGUAGE", "LANG", "TZ", "REDIS_URL", "AWS_ACCESS_KEY", "SENTRY_RELEASE"]
    others += [
        "DATABASE_URL_READONLY",
        "GITHUB_RUN_ID",
        "STRIPE_API_KEY",
        "WEB_CONCURRENCY",
        "POSTGRES_PASSWORD",
    ]
    assert start_errors(tmp_path, **PRODUCTION, **dict.fromkeys(others, "x")) == []
    (tmp_path / ".env").write_text("MAILCHIMP_KEY=x\nPOSTGRES_PASSWORD=y\nNEWSLETTER_DAYS=3\n")
    assert start_errors(tmp_path, **{**PRODUCTION, "ENV_FILE": str(tmp_path / ".env")}) == []


def test_all_mistakes_are_reported_at_once(tmp_path: Path) -> None:
    wrong = {"SITE_URL": "shop", "ADMIN_REQUIRES_MFA": "ture", "SITE_ULR": "x"}
    assert [line.split()[5] for line in start_errors(tmp_path, **{**PRODUCTION, **wrong})] == [
        "SITE_ULR",
        "SITE_URL",
        "ADMIN_REQUIRES_MFA",
    ]


@pytest.mark.parametrize("name", ["SECRET_KEY", "ALLOWED_HOSTS"])
@pytest.mark.parametrize("value", ["", "  ", '""'])
def test_missing_required_variable_is_named(tmp_path: Path, name: str, value: str) -> None:
    (line,) = start_errors(tmp_path, **{**PRODUCTION, name: value})
    assert line.startswith(f"The shop does not start. {name} is not set.")


@pytest.mark.parametrize(
    ("one", "other"),
    [("GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET"), ("GITHUB_CLIENT_ID", "GITHUB_CLIENT_SECRET")],
)
def test_half_of_a_pair_is_an_error(tmp_path: Path, one: str, other: str) -> None:
    (line,) = start_errors(tmp_path, **PRODUCTION, **{one: "x"})
    assert f" {other} is not set, but {one} is." in line
    (line,) = start_errors(tmp_path, **PRODUCTION, **{other: "x"})
    assert f" {one} is not set, but {other} is." in line


def test_half_of_the_storage_keys_is_an_error(tmp_path: Path) -> None:
    lines = start_errors(tmp_path, **PRODUCTION, STORAGE_URL="s3://my-bucket", AWS_ACCESS_KEY_ID="x")
    assert [line.split()[5] for line in lines] == ["AWS_SECRET_ACCESS_KEY"]


@pytest.mark.parametrize(
    ("name", "value", "package", "install"),
    [
        ("STORAGE_URL", "s3://my-bucket", "storages", "-r requirements-optional.txt"),
        ("SENTRY_DSN", "https://key@sentry.example.com/1", "sentry_sdk", "-r requirements-optional.txt"),
        ("METRICS_TOKEN", "token-of-the-scraper", "django_prometheus", "-r requirements-optional.txt"),
        ("STRIPE_SANDBOX", "true", "stripe_sandbox", "--no-deps ./packages/stripe-sandbox"),
    ],
)
def test_variable_without_its_package_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, package: str, install: str
) -> None:
    monkeypatch.setattr(
        "config.env.find_spec", lambda module: None if module == package else find_spec(module)
    )
    values = {**PRODUCTION, "STRIPE_SECRET_KEY": ""} if name == "STRIPE_SANDBOX" else PRODUCTION
    (line,) = start_errors(tmp_path, **values, **{name: value})
    assert f"{name} needs {package}, which is not installed: pip install {install}" in line
