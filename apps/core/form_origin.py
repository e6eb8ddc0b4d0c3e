"""Find out which page has sent a form, by headers that other sites can't forge."""

from urllib.parse import SplitResult, urlsplit, urlunsplit

from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme


def is_form_of_this_site(request: HttpRequest) -> bool:
    """Return whether a page of the shop has sent the form. Old browsers send Origin instead of Sec-Fetch-Site.

    https://developer.mozilla.org/docs/Web/HTTP/Headers/Sec-Fetch-Site
    """
    if site := request.headers.get("Sec-Fetch-Site"):
        return site == "same-origin"
    page = _split(request.headers.get("Origin") or _referer(request))
    # An attacker in the network can forge pages without TLS.
    is_secure = page.scheme == "https" or not request.is_secure()
    return is_secure and page.netloc == request.get_host()


def form_page(request: HttpRequest) -> str:
    """Return path and query of the shop's page that has sent the form; "" if it is unknown."""
    url = _split(_referer(request))
    if not is_form_of_this_site(request) or url.netloc != request.get_host():
        return ""
    page = urlunsplit(("", "", url.path, url.query, ""))
    return page if url_has_allowed_host_and_scheme(page, allowed_hosts=None) else ""


def _referer(request: HttpRequest) -> str:
    return request.headers.get("Referer", "")


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:  # such as "http://[": no browser sends it
        return urlsplit("")
