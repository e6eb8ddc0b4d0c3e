from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

# Views can override these. https://owasp.org/www-project-secure-headers/
HEADERS = {
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
}


def response_headers(get_response: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Set security headers that Django does not set."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    return middleware
