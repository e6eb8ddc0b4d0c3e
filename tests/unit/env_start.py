"""Loads config/settings.py as a start would, in this process, with an environment of the test's own."""

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
    """Return the settings. Raise SystemExit as the start would."""
    given = {"PATH": "", "ENV_FILE": os.devnull, "VAR_DIR": str(folder), **variables}
    with mock.patch.dict(os.environ, given, clear=True), mock.patch("sentry_sdk.init"):
        found = runpy.run_path(str(ROOT / "config" / "settings.py"))
        return {**found, "ENVIRON": dict(os.environ)}


def refusal(folder: Path, **variables: str) -> list[str]:
    """Return the lines that Python prints when the start ends with status 1; none if it goes on."""
    try:
        load_settings(folder, **variables)
    except SystemExit as end:
        return str(end.code).splitlines()
    return []
