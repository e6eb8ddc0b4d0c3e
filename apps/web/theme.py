"""Light, dark, or as the system says: a cookie that the server reads, so that no page flashes in the wrong one."""

from django.conf import settings
from django.http import HttpRequest

THEMES = ("light", "dark")  # anything else is the system's


def chosen(request: HttpRequest) -> str:
    """ "light", "dark", or "" for the system's."""
    theme = request.COOKIES.get(settings.THEME_COOKIE_NAME, "")
    return theme if theme in THEMES else ""
