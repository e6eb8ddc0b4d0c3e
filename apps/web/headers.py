"""What Django doesn't say by itself; with its own headers and django-csp's, every answer tells what it is for.

Outermost among them, so that errors, redirects, files and the maintenance page have them as well.
https://owasp.org/www-project-secure-headers/
"""

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

# A view may say otherwise: images that a CDN serves are for other origins, too.
MORE = {
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
}


def more_headers(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        for name, value in MORE.items():
            response.headers.setdefault(name, value)
        return response

    return middleware
