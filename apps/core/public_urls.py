from ipaddress import ip_address
from urllib.parse import urlsplit

LOCAL_DOMAINS = (".localhost", ".local", ".internal", ".lan", ".home.arpa", ".test")


def is_public(url: str) -> bool:
    """Return whether the host can be reached from the internet, as far as its name or IP address tells."""
    host = urlsplit(url).hostname or ""
    try:
        return not ip_address(host).is_private
    except ValueError:
        return "." in host and not host.endswith(LOCAL_DOMAINS)
