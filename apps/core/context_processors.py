from typing import TypedDict

from django.conf import settings
from django.http import HttpRequest

from apps.core.middleware import indexing
from apps.core.theme import chosen_theme


class Site(TypedDict):
    site_name: str
    indexed: bool
    site_tagline: str
    site_intro: str
    support_email: str
    theme: str
    theme_cookie: str
    stripe_sandbox: bool
    debug: bool
    sends_mail: bool
    refund_days: int
    languages: list[tuple[str, str]]
    social_sign_in: list[str]


def site(request: HttpRequest) -> Site:
    """What every page says about the shop. Founders change it in the environment, not here."""
    return {
        "site_name": settings.SITE_NAME,
        "indexed": indexing.is_indexed(request),
        "site_tagline": settings.SITE_TAGLINE,
        "site_intro": settings.SITE_INTRO,
        "support_email": settings.SUPPORT_EMAIL,
        "theme": chosen_theme(request),
        "theme_cookie": settings.THEME_COOKIE_NAME,  # chrome.js writes it
        "stripe_sandbox": getattr(settings, "STRIPE_SANDBOX", False),  # a shop may have dropped it
        "debug": settings.DEBUG,
        "sends_mail": settings.SENDS_MAIL,
        "refund_days": settings.REFUND_DAYS,
        "languages": settings.LANGUAGES,
        "social_sign_in": settings.SOCIAL_SIGN_IN,
    }
