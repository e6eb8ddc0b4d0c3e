"""Ada, Bob and Olive (tests/conftest.py) at a browser."""

from django.conf import settings
from playwright.sync_api import Page

from apps.users.models import User
from tests.conftest import signed_in

ADAS_PASSWORD = "ada-buys-things"
NEW_PASSWORD = "correct horse battery staple"


def sign_in(page: Page, user: User) -> Page:
    """Signs a person in without the form, which has tests of its own. Gives the page back."""
    cookie = signed_in(user).cookies[settings.SESSION_COOKIE_NAME]
    page.context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": settings.SITE_URL}])
    return page
