from ipaddress import ip_address
from urllib.parse import urljoin, urlsplit

from django.conf import settings
from django.http import HttpRequest

LOCAL_DOMAINS = (".localhost", ".local", ".internal", ".lan", ".home.arpa", ".test")


def absolute_url(url: str) -> str:
    """Return the URL below SITE_URL. Absolute URLs, such as those of a CDN, are returned unchanged."""
    return urljoin(f"{settings.SITE_URL}/", url)


def site_origin(request: HttpRequest) -> str:
    """Return SITE_URL. In development return the requested host: localhost and 127.0.0.1 do not share cookies."""
    if settings.DEBUG:
        return f"{request.scheme}://{request.get_host()}"
    return str(settings.SITE_URL)


def is_public_url(url: str) -> bool:
    """Return whether the host name or IP address looks reachable from the internet."""
    host = urlsplit(url).hostname or ""
    try:
        return not ip_address(host).is_private
    except ValueError:
        return "." in host and not host.endswith(LOCAL_DOMAINS)
