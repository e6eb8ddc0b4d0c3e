from django.conf import settings
from django.contrib.messages.storage.cookie import CookieStorage
from django.contrib.messages.storage.fallback import FallbackStorage
from django.contrib.messages.storage.session import SessionStorage


class HostCookieStorage(CookieStorage):
    cookie_name = settings.MESSAGES_COOKIE_NAME


class MessageStorage(FallbackStorage):
    """Use Django's default storage with the cookie MESSAGES_COOKIE_NAME, which may have the prefix __Host-."""

    storage_classes = (HostCookieStorage, SessionStorage)
