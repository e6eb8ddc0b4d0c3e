from urllib.parse import urljoin

from django.conf import settings
from django.http import HttpRequest


def absolute_url(url: str) -> str:
    """Return the URL below SITE_URL; one that is absolute, as of an image at a CDN, stays as it is."""
    return urljoin(f"{settings.SITE_URL}/", url)


def site_origin(request: HttpRequest) -> str:
    """Return SITE_URL, or in development the browser's own host: localhost and 127.0.0.1 do not share cookies."""
    if settings.DEBUG:
        return f"{request.scheme}://{request.get_host()}"
    return str(settings.SITE_URL)
