"""`manage.py check --deploy` says what would stop the server."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register

from config.launch import faults


@register(Tags.security, deploy=True)
def ready_for_strangers(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    return [Error(words, id="web.E001") for words in faults(settings)]
