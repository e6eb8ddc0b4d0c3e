import time

from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY
from django.conf import settings
from playwright.sync_api import Page

from apps.ecommerce.models import ProductConfiguration, Purchase
from apps.users.models import User
from tests.e2e.pages.purchase import PurchasePage
from tests.factories import VISA, buy, signed_in

PASSWORD_OF_ADA = "ada-buys-things"
NEW_PASSWORD = "correct horse battery staple"


def sign_in(page: Page, user: User) -> Page:
    """Sign a user in without the form, as if the password was typed just now."""
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


def buy_without_browser(user: User, slug: str, card: str = VISA) -> Purchase:
    """Buy the product's first price by requests, which is faster than on the hosted page."""
    return buy(signed_in(user), ProductConfiguration.objects.get(slug=slug), card=card)


def open_new_order(page: Page, user: User, slug: str, card: str = VISA) -> PurchasePage:
    """Buy without the browser, sign the user in and open the order's page."""
    purchase = buy_without_browser(user, slug, card)
    return PurchasePage(sign_in(page, user)).goto(purchase)
