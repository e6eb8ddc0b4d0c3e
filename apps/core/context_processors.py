from typing import Any

from django.conf import settings
from django.http import HttpRequest

from apps.core.middleware.response_headers import is_indexed
from apps.core.theme import chosen_theme


def site(request: HttpRequest) -> dict[str, Any]:
    return {
        "site_name": settings.SITE_NAME,
        "site_tagline": settings.SITE_TAGLINE,
        "site_intro": settings.SITE_INTRO,
        "support_email": settings.SUPPORT_EMAIL,
        "refund_days": settings.REFUND_DAYS,
        "checkout_consent": settings.CHECKOUT_CONSENT,
        "terms_version": settings.TERMS_VERSION,
        "withdrawal_form": settings.WITHDRAWAL_FORM,
        "languages": settings.LANGUAGES,
        "social_sign_in": settings.SOCIAL_SIGN_IN,
        "sends_mail": settings.SENDS_MAIL,
        "stripe_sandbox": settings.STRIPE_SANDBOX,
        "debug": settings.DEBUG,
        "indexed": is_indexed(request),
        "theme": chosen_theme(request),
        "theme_cookie": settings.THEME_COOKIE_NAME,  # name of the cookie that chrome.js writes
    }
