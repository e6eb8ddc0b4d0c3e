from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

SIGNED_COOKIES = "django.contrib.sessions.backends.signed_cookies"


@register
def check_session_engine(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    if settings.SESSION_ENGINE != SIGNED_COOKIES:
        return []
    message = f"SESSION_ENGINE is {SIGNED_COOKIES}: the shop can't end such a session in another browser."
    hint = "Use Django's default, or django.contrib.sessions.backends.cached_db."
    return [Error(message, hint=hint, id="users.E001")]
