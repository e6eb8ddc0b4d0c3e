from django.conf import settings
from django.http import HttpRequest

THEMES = ("light", "dark")


def chosen_theme(request: HttpRequest) -> str:
    """Return "light" or "dark" from the cookie; "" to follow the operating system."""
    theme = request.COOKIES.get(settings.THEME_COOKIE_NAME, "")
    return theme if theme in THEMES else ""
