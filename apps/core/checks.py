"""`manage.py check --deploy` says what would stop the server."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from config.production_checks import faults

OTHERS = 0o007


@register(Tags.security, deploy=True)
def ready_for_strangers(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    return [Error(words, id="web.E001") for words in faults(settings)]


@register(Tags.security, deploy=True)
def check_var_dir_permissions(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Warn if other users of the machine can read VAR_DIR, as older releases allowed."""
    if not settings.VAR_DIR.stat().st_mode & OTHERS:
        return []
    words = f"Every user of this machine can look into {settings.VAR_DIR}: orders, mails, files that buyers pay for."
    return [Warning(words, hint=f"chmod o-rwx {settings.VAR_DIR}", id="web.W001")]
