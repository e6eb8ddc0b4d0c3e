from django.conf import settings
from django.contrib.messages.storage.cookie import CookieStorage
from django.contrib.messages.storage.fallback import FallbackStorage
from django.contrib.messages.storage.session import SessionStorage


class HostCookieStorage(CookieStorage):
    @property
    def cookie_name(self) -> str:
        return str(settings.MESSAGES_COOKIE_NAME)


class MessageStorage(FallbackStorage):
    """Django's default storage, with a cookie name that may have the prefix __Host-."""

    storage_classes = (HostCookieStorage, SessionStorage)
