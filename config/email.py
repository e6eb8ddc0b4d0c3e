"""EMAIL_URL ▶ Django's settings: an SMTP server, or the API of a mail provider (django-anymail).

smtp+tls://user:password@mail.example.com:587      smtp: without TLS; smtp+ssl: TLS from the first byte
postmark://?server_token=…                         provider, with the options of its page in Anymail's documentation:
mailgun://?api_key=…&sender_domain=…               https://anymail.dev/en/stable/esps/
some.module.EmailBackend                           a backend of your own
"""

import re
from pkgutil import iter_modules
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote

import django
from anymail import backends
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator

from config.env_urls import server_url
from config.env_values import Invalid, is_class_path, text_line

TIMEOUT_SECONDS = 5  # without a worker a buyer waits for it; what fails is sent later
SMTP: dict[str, dict[str, Any]] = {
    "smtp": {"port": 25},
    "smtp+tls": {"port": 587, "use_tls": True},
    "smtp+ssl": {"port": 465, "use_ssl": True},
}
OTHER_NAMES = {"smtps": "smtp+ssl", "smtp+starttls": "smtp+tls"}
# Ports of the wrong kind of TLS: the connection would hang until the timeout.
WRONG_PORTS = {("smtp", 465): "smtp+ssl", ("smtp+tls", 465): "smtp+ssl", ("smtp+ssl", 587): "smtp+tls"}
PROVIDERS = {module.name for module in iter_modules(backends.__path__)} - {"base", "base_requests"}
EXPECTED = "smtp+tls://user:password@mail.example.com:587 or a provider such as postmark://?server_token=…"
# An address, after a name and in angle brackets or alone. A name with signs that part addresses is in quotation marks.
SENDER = re.compile(r"""(?:("([^"\\]|\\.)*"|[^"<>,;:@\[\]\\]*)\s*<)?(?P<address>[^<>\s]+)(?(1)>)""")
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
    """Return the settings by name. Raise Invalid for an address that no mail can leave by."""
    backend, options, old = _backend(url)
    if django.VERSION >= (6, 1):
        found: dict[str, Any] = {
            "MAILERS": {"default": {"BACKEND": backend, "OPTIONS": options}},
            "ANYMAIL": {},
        }
    else:
        found = {"EMAIL_BACKEND": backend, "ANYMAIL": {}, **old}
    found["ANYMAIL"]["REQUESTS_TIMEOUT"] = TIMEOUT_SECONDS
    return found


def _backend(url: str) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Return the path of the backend, its options, and the settings that hold them before Django 6.1."""
    if is_class_path(url):
        return url, {}, {}
    scheme = url.partition("://")[0].lower().replace("-", "_")
    if scheme in PROVIDERS and "://" in url:
        options = _provider_options(url, scheme)
        anymail = {f"{scheme}_{name}".upper(): value for name, value in options.items()}
        return f"anymail.backends.{scheme}.EmailBackend", options, {"ANYMAIL": anymail}
    if re.fullmatch(r"[\w-]+(\.[\w-]+)+", url, re.ASCII):
        is_host = re.fullmatch(r"[a-z0-9-]{1,25}(\.[a-z0-9-]{1,25})+", url)
        meant = f"smtp+tls://user:password@{url}:587" if is_host else ""
        raise Invalid(f"{EXPECTED} or the dotted path of a backend", meant)
    usual = "smtp+ssl" if ":465" in url else "smtp+tls"
    smtp = _smtp(server_url(url, [usual, *SMTP, *PROVIDERS], EXPECTED, OTHER_NAMES))
    old = {OLD_NAMES[name]: value for name, value in smtp.items()}
    return "django.core.mail.backends.smtp.EmailBackend", smtp, old


def _provider_options(url: str, scheme: str) -> dict[str, str]:
    _, _, rest = url.partition("://")
    options = dict(parse_qsl(rest.lstrip("/").removeprefix("?")))
    if rest.strip("/") and not (rest.lstrip("/").startswith("?") and options):
        raise Invalid(f"{scheme}://?option=value, with the options of https://anymail.dev/en/stable/esps/")
    return options


def _smtp(parts: SplitResult) -> dict[str, Any]:
    address = parts.netloc.rpartition("@")[2]
    if not parts.hostname or parts.path not in ("", "/") or parts.query:
        raise Invalid(f"{EXPECTED}, with a host and nothing after the port")
    if bool(parts.username) != bool(parts.password):
        raise Invalid(f"{EXPECTED}, with user and password, or neither")
    if scheme := WRONG_PORTS.get((parts.scheme, parts.port or 0)):
        raise Invalid(f"{scheme}:// on port {parts.port}", f"{scheme}://user:password@{address}")
    options = {"host": parts.hostname, **SMTP[parts.scheme], "timeout": TIMEOUT_SECONDS}
    if parts.port:
        options["port"] = parts.port
    if parts.username:
        options |= {"username": unquote(parts.username), "password": unquote(parts.password or "")}
    return options


def email_address(text: str) -> str:
    try:
        EmailValidator()(text)
    except ValidationError:
        within = re.search(r"[\w.+-]+@[\w-]+(\.[\w-]+)+", text)
        raise Invalid(
            "one e-mail address, for example hello@example.com", within[0] if within else ""
        ) from None
    return text


def sender(text: str) -> str:
    """Accept an address, or "Name <address>"."""
    found = SENDER.fullmatch(text_line(text))
    name, _, address = text.rpartition("<")
    try:
        email_address(found["address"] if found else "")
    except Invalid:
        meant = quoted_sender(name.strip().strip('"'), address.strip(" >"))
        is_better = name and meant != text and SENDER.fullmatch(meant)
        raise Invalid("an e-mail address, or Shop <hello@example.com>", meant if is_better else "") from None
    return text


def quoted_sender(name: str, address: str) -> str:
    """Return "Name <address>", with quotation marks where the name contains a comma or another special character."""
    if re.search(r'[(),:;<>@\[\]\\"]', name):
        name = '"' + re.sub(r'(["\\])', r"\\\1", name) + '"'
    return f"{name} <{address}>"
