from typing import Any

from django.conf import settings
from django.contrib.messages import constants, get_messages
from django.contrib.messages.storage.base import Message
from django.contrib.messages.storage.cookie import CookieStorage
from django.contrib.messages.storage.fallback import FallbackStorage
from django.contrib.messages.storage.session import SessionStorage
from django.http import HttpRequest


class HostCookieStorage(CookieStorage):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.cookie_name = settings.MESSAGES_COOKIE_NAME


class MessageStorage(FallbackStorage):
    storage_classes = (HostCookieStorage, SessionStorage)

    def drop_notices(self) -> None:
        """Drop the stored messages that are neither warnings nor errors, also if this response shows none."""
        stored: list[Message] = self._loaded_messages  # type: ignore[attr-defined]
        self._queued_messages = [message for message in stored if message.level >= constants.WARNING]
        self._loaded_data: list[Message] = []
        self.used = True


def drop_notices(request: HttpRequest) -> None:
    storage = get_messages(request)
    if isinstance(storage, MessageStorage):
        storage.drop_notices()
