from functools import cached_property

from csp.constants import HEADER
from csp.middleware import CSPMiddleware, PolicyParts
from csp.utils import build_policy
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.cache import patch_cache_control
from whitenoise.middleware import WhiteNoiseFileResponse

# Views can override these. https://owasp.org/www-project-secure-headers/
HEADERS = {
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
}
INDEXED_IMAGES = frozenset({"media", "art"})


class ResponseHeadersMiddleware(CSPMiddleware):
    """Set headers that Django does not set, on errors, redirects, files and the maintenance page, too."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if not isinstance(response, WhiteNoiseFileResponse):
            _make_private(request, response)
        if self._has_default_policy(request, response):
            response.headers.setdefault(HEADER, self.default_policy)
            return response
        return super().process_response(request, response)

    @cached_property
    def default_policy(self) -> str:
        """Return the policy of the settings. django-csp would build it for each response (80 µs)."""
        return str(build_policy())

    @cached_property
    def has_directives_only(self) -> bool:
        """Return False if the settings exclude URLs or report only, which django-csp handles."""
        reports = getattr(settings, "CONTENT_SECURITY_POLICY_REPORT_ONLY", None)
        return settings.CONTENT_SECURITY_POLICY.keys() == {"DIRECTIVES"} and not reports

    def _has_default_policy(self, request: HttpRequest, response: HttpResponseBase) -> bool:
        if settings.DEBUG or not self.has_directives_only or getattr(response, "_csp_exempt", False):
            return False
        return bool(self.get_policy_parts(request, response) == PolicyParts())


def is_indexed(request: HttpRequest) -> bool:
    """Return whether search engines may index the page. robots.txt does not work for that.

    https://developers.google.com/search/docs/crawling-indexing/block-indexing
    """
    return _view_name(request) in settings.INDEXED_PAGES


def _make_private(request: HttpRequest, response: HttpResponseBase) -> None:
    """Set noindex except for INDEXED_PAGES and INDEXED_IMAGES, and no-store unless the view has set Cache-Control."""
    if _view_name(request) not in INDEXED_IMAGES and not is_indexed(request):
        response.headers.setdefault("X-Robots-Tag", "noindex")
    if not response.has_header("Cache-Control"):
        patch_cache_control(response, private=True, no_store=True)


def _view_name(request: HttpRequest) -> str:
    return request.resolver_match.view_name if request.resolver_match else ""
