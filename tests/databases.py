"""Return the URL of this run's test database, for processes that a test starts."""

from __future__ import annotations

import os
from urllib.parse import quote

from django.conf import settings
from django.db import connection


def test_database_url() -> str:
    """Return the DATABASE_URL of the test database."""
    values = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{values['NAME']}"
    login = f"{values['USER']}:{quote(values['PASSWORD'])}"
    return f"postgres://{login}@{values['HOST']}:{values['PORT']}/{values['NAME']}"


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a process that uses the same database, sandbox and files as this test."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("STRIPE", "DJANGO"))
    }
    return inherited | {
        "ENV_FILE": os.devnull,
        "SECRET_KEY": settings.SECRET_KEY,
        "DEBUG": "true",
        "VAR_DIR": str(settings.VAR_DIR),
        "DATABASE_URL": test_database_url(),
        "CACHE_URL": "",
        **more,
    }
