from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

# Headers that Django does not set. Views can override them. https://owasp.org/www-project-secure-headers/
HEADERS = {
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
}


def response_headers(get_response: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    return middleware
