"""EMAIL_URL ▶ Django's settings: an SMTP server, or the API of a mail provider (django-anymail).

smtp+tls://user:password@mail.example.com:587      smtp: without TLS; smtp+ssl: TLS from the first byte
postmark://?server_token=…                         provider, with the options of its page in Anymail's documentation:
mailgun://?api_key=…&sender_domain=…               https://anymail.dev/en/stable/esps/
some.module.EmailBackend                           a backend of your own
"""

from importlib.util import find_spec
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import django
from django.core.exceptions import ImproperlyConfigured

TIMEOUT_SECONDS = 5  # without a worker a buyer waits for it; what fails is sent later
SMTP: dict[str, dict[str, Any]] = {
    "smtp": {"port": 25},
    "smtp+tls": {"port": 587, "use_tls": True},
    "smtp+ssl": {"port": 465, "use_ssl": True},
}
# What Django before 6.1 calls these options.
OLD_NAMES = {
    "host": "EMAIL_HOST",
    "port": "EMAIL_PORT",
    "username": "EMAIL_HOST_USER",
    "password": "EMAIL_HOST_PASSWORD",
    "use_tls": "EMAIL_USE_TLS",
    "use_ssl": "EMAIL_USE_SSL",
    "timeout": "EMAIL_TIMEOUT",
}


def mail_settings(url: str) -> dict[str, Any]:
    """The settings, by name. Raises ImproperlyConfigured for an address that nobody understands."""
    parts = urlsplit(url)
    if parts.scheme in SMTP:
        backend, options = "django.core.mail.backends.smtp.EmailBackend", _smtp(parts)
        old = {OLD_NAMES[name]: value for name, value in options.items()}
    elif "://" not in url:
        backend, options, old = url, {}, {}
    else:
        provider = parts.scheme.replace("-", "_")
        if not find_spec(f"anymail.backends.{provider}"):
            raise ImproperlyConfigured(
                f"EMAIL_URL: {parts.scheme}:// is neither SMTP nor a provider of Anymail's."
            )
        backend, options = f"anymail.backends.{provider}.EmailBackend", dict(parse_qsl(parts.query))
        old = {"ANYMAIL": {f"{provider}_{name}".upper(): value for name, value in options.items()}}
    if django.VERSION >= (6, 1):
        found: dict[str, Any] = {
            "MAILERS": {"default": {"BACKEND": backend, "OPTIONS": options}},
            "ANYMAIL": {},
        }
    else:
        found = {"EMAIL_BACKEND": backend, "ANYMAIL": {}, **old}
    found["ANYMAIL"]["REQUESTS_TIMEOUT"] = TIMEOUT_SECONDS
    return found


def _smtp(parts: SplitResult) -> dict[str, Any]:
    options = {"host": parts.hostname or "localhost", **SMTP[parts.scheme], "timeout": TIMEOUT_SECONDS}
    if parts.port:
        options["port"] = parts.port
    if parts.username:
        options |= {"username": unquote(parts.username), "password": unquote(parts.password or "")}
    return options
