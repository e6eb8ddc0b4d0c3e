"""Your settings, called at the end of config/settings.py; see docs/extending.md."""

from typing import Any


def configure(settings: dict[str, Any], env: Any) -> None:
    """Change `settings`, for example `settings["INSTALLED_APPS"] += ["rest_framework"]`.

    `env` reads variables: `settings["MY_KEY"] = env.secret("MY_KEY", default="")`.
    """
