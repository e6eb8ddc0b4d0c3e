"""Addresses for others than the browser that asks: they begin with SITE_URL."""

from urllib.parse import urljoin

from django.conf import settings


def absolute(address: str) -> str:
    """ "/store/" ▶ "https://shop.example.com/store/". One that is absolute (pictures at a CDN) stays as it is."""
    return urljoin(f"{settings.SITE_URL}/", address)
