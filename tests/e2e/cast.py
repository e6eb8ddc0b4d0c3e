"""Ada, Bob and Olive (tests/conftest.py) at a browser."""

import time

from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY
from django.conf import settings
from playwright.sync_api import Page

from apps.users.models import User
from tests.conftest import signed_in

ADAS_PASSWORD = "ada-buys-things"
NEW_PASSWORD = "correct horse battery staple"


def sign_in(page: Page, user: User) -> Page:
    """Signs a person in without the form, which has tests of its own, the password typed a moment ago.

    Gives the page back.
    """
    client = signed_in(user)
    session = client.session
    session[AUTHENTICATION_METHODS_SESSION_KEY] = [
        {"method": "password", "at": time.time(), "reauthenticated": True}
    ]
    session["account_authentication_methods_user"] = str(user.pk)
    session.save()
    cookie = client.cookies[settings.SESSION_COOKIE_NAME]
    page.context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": settings.SITE_URL}])
    return page
