"""Load config/settings.py in this process with the environment of a test."""

from __future__ import annotations

import os
import runpy
from pathlib import Path
from typing import Any
from unittest import mock

ROOT = Path(__file__).resolve().parents[2]
SECRETS = {
    "SECRET_KEY": "q8fJ2n5sVb0wLx7Rk3tYc9ZmHa4GdUe1PoTi6NQvWsXjKyBzCM",
    "STRIPE_SECRET_KEY": "sk_live_51NotAKeyOfAnybody",
    "STRIPE_WEBHOOK_SECRET": "whsec_NotASecretOfAnybody",
}
PRODUCTION = {
    **SECRETS,
    "DEBUG": "false",
    "SITE_URL": "https://shop.example.com",
    "ALLOWED_HOSTS": "shop.example.com",
    "EMAIL_URL": "smtp+tls://user:password@mail.example.com:587",
}


def load_settings(folder: Path, **variables: str) -> dict[str, Any]:
    """Return the settings, without those of apps/shop. Raise SystemExit if a variable is invalid."""
    environment = {"PATH": "", "ENV_FILE": os.devnull, "VAR_DIR": str(folder), **variables}
    with (
        mock.patch.dict(os.environ, environment, clear=True),
        mock.patch("sentry_sdk.init"),
        mock.patch("apps.shop.settings.configure"),
    ):
        found = runpy.run_path(str(ROOT / "config" / "settings.py"))
        return {**found, "ENVIRON": dict(os.environ)}


def start_errors(folder: Path, **variables: str) -> list[str]:
    """Return the error lines of a start that fails, or none if it succeeds."""
    try:
        load_settings(folder, **variables)
    except SystemExit as end:
        return str(end.code).splitlines()
    return []
