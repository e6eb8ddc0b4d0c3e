"""Identify this shop among those that share a Stripe account: two sites, a staging site, developers.

SHOP_ID is in the metadata of what the shop creates at Stripe. It is not in the database, so that a copy of the database
on another site does not take over the sales of the first one.
"""

from collections.abc import Mapping
from hashlib import sha256
from urllib.parse import urlsplit

from django.conf import settings

KEY = "shop"
GUEST = "guest"  # key in the metadata of a Checkout Session of a buyer without an account


def shop_id() -> str:
    """Return SHOP_ID, or else the site's host. Developers share theirs, so they get an id from their SECRET_KEY."""
    if settings.SHOP_ID or not settings.DEBUG:
        return str(settings.SHOP_ID) or urlsplit(settings.SITE_URL).netloc
    return f"dev-{sha256(settings.SECRET_KEY.encode()).hexdigest()[:12]}"


def shop_metadata(**values: str) -> dict[str, str]:
    return {KEY: shop_id(), **values}


def is_of_other_shop(metadata: Mapping[str, str] | None) -> bool:
    """Return whether another shop has created the object. Objects without an id may be older than the setting."""
    return (metadata or {}).get(KEY, shop_id()) != shop_id()
