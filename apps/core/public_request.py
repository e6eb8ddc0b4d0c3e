from collections.abc import Mapping
from importlib import import_module
from io import BytesIO
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.messages import get_messages
from django.contrib.messages.storage import default_storage
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest
from django.utils.translation import get_language
from django_htmx.middleware import HtmxDetails

from apps.core.theme import chosen_theme

PERSONAL_HEADERS = {"HTTP_AUTHORIZATION", "REMOTE_USER", "HTTP_HX_REQUEST"}


class PublicRequest(WSGIRequest):
    """A GET request with the visitor's path, parameters, language and theme, but without session, user and headers.

    Attributes that your own middleware sets on requests are missing, so a public page cannot use them.
    """

    def __init__(self, request: HttpRequest, parameters: Mapping[str, str]) -> None:
        site = urlsplit(settings.SITE_URL)
        language = get_language() or settings.LANGUAGE_CODE
        cookies = {settings.LANGUAGE_COOKIE_NAME: language, settings.THEME_COOKIE_NAME: chosen_theme(request)}
        super().__init__(
            {
                "REQUEST_METHOD": "GET",
                "SCRIPT_NAME": request.META.get("SCRIPT_NAME", ""),
                "PATH_INFO": request.path_info.encode().decode("latin-1"),  # WSGI requires Latin-1
                "QUERY_STRING": urlencode(parameters),
                "HTTP_COOKIE": "; ".join(f"{name}={value}" for name, value in cookies.items() if value),
                "HTTP_HOST": site.netloc,
                "SERVER_NAME": site.hostname or "",
                "SERVER_PORT": str(site.port or (443 if site.scheme == "https" else 80)),
                "SERVER_PROTOCOL": "HTTP/1.1",
                "wsgi.url_scheme": site.scheme,
                "wsgi.input": BytesIO(),
            }
        )
        self.resolver_match = request.resolver_match
        self.LANGUAGE_CODE = language
        self.session = import_module(settings.SESSION_ENGINE).SessionStore()
        self.user = AnonymousUser()
        self._messages = default_storage(self)
        self.htmx = HtmxDetails(self)

    def get_host(self) -> str:
        # ALLOWED_HOSTS may not contain the host of SITE_URL.
        return str(self.META["HTTP_HOST"])

    @property
    def csp_nonce(self) -> str:
        """Record the use of a nonce: it differs in each response, so the page cannot be cached."""
        self.META["csp_nonce"] = ""
        return ""

    def is_personal(self) -> bool:
        """Return whether the view used the session, a message, the CSRF token or a nonce."""
        is_session_used = self.session.modified or not self.session.is_empty()
        is_token_used = {"CSRF_COOKIE", "csp_nonce"} & self.META.keys()
        return bool(is_session_used or is_token_used or len(get_messages(self)))


def is_public(request: HttpRequest) -> bool:
    """Return whether the request has no session, user, message, htmx header and cookie, except language and theme."""
    preferences = {settings.LANGUAGE_COOKIE_NAME, settings.THEME_COOKIE_NAME}
    return (
        request.method in ("GET", "HEAD")
        and request.COOKIES.keys() <= preferences
        and not PERSONAL_HEADERS & request.META.keys()
        and request.session.is_empty()
        and not request.user.is_authenticated
        and not len(get_messages(request))
    )
