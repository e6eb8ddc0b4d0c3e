"""Parsers of hosts and URLs. See env_values.py."""

import re
import socket
from collections.abc import Callable
from ipaddress import ip_address
from pkgutil import iter_modules
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from anymail import backends

from config.env_values import InvalidValue, closest, comma_list, is_class_path, matching

PORT = r"(?:[1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d{2}|655[0-2]\d|6553[0-5])"
HOST = r"(?:\w[\w-]*(?:\.\w[\w-]*)*\.?|\[[0-9a-f:.]*:[0-9a-f:.]*\])"
SERVER = rf"{HOST}(?::{PORT})?"
SERVERS = rf"{SERVER}(?:,{SERVER})*"  # the servers of a cluster
LOGIN = r"(?:[^\s/@#?\[\]\\]*@)?"  # user and password
ENCODED = "with @ : / # ? [ ] in user and password written as %40 %3A %2F %23 %3F %5B %5D"
SITE = rf"https?://(?!0\.0\.0\.0|\[::\]){SERVER}"
# A site with a wrong scheme, or with other text around it.
MISTYPED_SITE = re.compile(
    r"(?:[a-z]{2,6}(?::/+|//)|/+)?(?:[^/@]*@)?(?P<host>[\w.-]+|\[[0-9a-f:]+\])(?P<port>:\d+)?(?:[/?#,]|$)"
)
DATABASES = ("postgres", "postgresql", "psql", "pgsql")
DATABASE_OPTIONS = {
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "disable_server_side_cursors": ("true", "false"),  # django-environ takes any other text as true
}
BUCKET_OPTIONS = ("endpoint_url", "region_name", "addressing_style", "signature_version", "default_acl",
                  "access_key", "secret_key", "security_token", "session_profile")  # fmt: skip
SMTP: dict[str, dict[str, Any]] = {
    "smtp+tls": {"port": 587, "use_tls": True},
    "smtp+ssl": {"port": 465, "use_ssl": True},
    "smtp": {"port": 25},
}
# Port 465 needs TLS from the first byte, port 587 STARTTLS. If they are mixed up, a connection waits for the timeout.
SMTP_URL = (
    r"(?!smtp(?:\+tls)?://.*:465/?$)(?!smtp\+ssl://.*:587/?$)"
    rf"smtp(?:\+tls|\+ssl)?://(?:[^\s:/@#?\[\]\\]+:[^\s/@#?\[\]\\]+@)?{SERVER}/?"
)
EMAIL_PROVIDERS = {module.name for module in iter_modules(backends.__path__)} - {"base", "base_requests"}


# --- Hosts and sites --------------------------------------------------------------------------------------
def listen_address(text: str) -> str:
    """Return an IP address, also for a name such as localhost."""
    bare = text.removeprefix("[").removesuffix("]")
    try:
        return str(ip_address(bare if ":" in bare else socket.gethostbyname(bare)))
    except (ValueError, OSError):
        raise InvalidValue("an IP address without port, for example 127.0.0.1", _find_host(text)) from None


def site_url(text: str) -> str:
    """Return scheme, host and port in lower case, without the last slash."""
    expected = "https:// and the host name that shoppers use, with nothing after it"
    return matching(SITE, expected, _find_site)(text.lower().removesuffix("/"))


def origin(text: str) -> str:
    pattern = SITE.replace("://", r"://(?:\*\.)?")
    return matching(pattern, "https:// and a host name", _find_site)(text.lower().removesuffix("/"))


def web_url(text: str) -> str:
    expected = "a URL that begins with https:// or http://"
    return matching(rf"{SITE}(/[^\s?#\\]*)?", expected, _find_site)(text).rstrip("/")


def secret_url(allow_http: bool) -> Callable[[str], str]:
    """Return a parser of a URL whose path is a secret. Unencrypted only in development or to this machine."""
    http = f"http://{SERVER}" if allow_http else rf"http://(?:localhost|127\.0\.0\.1|\[::1\])(?::{PORT})?"
    return matching(rf"(?:https://{SERVER}|{http})/[^\s#\\]+", "a complete URL that begins with https://")


def _find_site(text: str) -> str:
    """Suggest a valid site for a wrong value, or ""."""
    match = MISTYPED_SITE.match(text.strip("“”„‘’\"'<>"))
    if not match:
        return ""
    is_local = match["host"].startswith(("127.", "localhost", "[::1]")) or text.startswith("http:")
    return f"{'http' if is_local else 'https'}://{_to_ascii(match['host'])}{match['port'] or ''}"


def _find_host(text: str) -> str:
    """Suggest a valid host for a wrong value, or ""."""
    text = text.strip("[]").removeprefix("*")
    if re.fullmatch(r"[0-9a-f]*:[0-9a-f:]*:[0-9a-f]*", text):
        return f"[{text}]"
    match = MISTYPED_SITE.match(text.lower())
    return _to_ascii(match["host"]) if match else ""


def _to_ascii(name: str) -> str:
    """Return the name as browsers send it (IDNA): xn--bcher-kva.example for bücher.example."""
    try:
        return name if name.isascii() else name.encode("idna").decode()
    except UnicodeError:
        return name


allowed_hosts = comma_list(
    matching(rf"\*|\.?{HOST}", "host names without https://, port or path", _find_host)
)
origins = comma_list(origin)
media_url = matching(
    rf"(?:{SITE})?(?:/[\w.-]+)+/",
    "a path such as /media/ or a URL such as https://cdn.example.com/media/, with a slash at the end",
    lambda text: f"{text.rstrip('/')}/" if "://" in text else f"/{text.strip('/')}/",
)


# --- Servers with a password ------------------------------------------------------------------------------
def database_url(text: str) -> str:
    expected = (
        "postgres://user:password@host:5432/name, with a database name and a port from 1 to 65535, "
        f"{ENCODED}, or sqlite:///path with three slashes"
    )
    if text.startswith("sqlite:"):
        pattern = r"sqlite://(?:/\S.*|:memory:)"
        return matching(pattern, expected, lambda text: text.replace("://", ":///"))(text)
    options = {name.lower(): value for name, value in parse_qsl(text.partition("?")[2])}
    for name, choices in DATABASE_OPTIONS.items():
        if name in options and options[name] not in choices:
            problem = f"a URL with {name}= and one of {', '.join(choices)}"
            raise InvalidValue(problem, closest(options[name], choices))
    socket_or_servers, name = rf"(?:%2[Ff][\w.%-]+|{SERVERS})?", r"(?:/[^\s/@:?#]*)*/[^\s/@:?#]+"
    pattern = rf"(?:{'|'.join(DATABASES)})://{LOGIN}{socket_or_servers}{name}(?:\?\S*)?"
    return matching(pattern, expected, _fix_scheme(*DATABASES))(text)


def bucket_options(text: str) -> dict[str, Any]:
    """Return the options in s3://bucket?endpoint_url=…&region_name=…"""
    options_url = "s3://bucket?endpoint_url=https://…&region_name=…"
    expected = f"{options_url}, with only the bucket's name after s3://, and known options"
    parts = urlsplit(matching(r"s3://[\w.-]{3,255}/?(?:\?[^\s#]*)?", expected)(text))
    options = dict(parse_qsl(parts.query))
    for name in options.keys() - BUCKET_OPTIONS:
        raise InvalidValue(expected, closest(name, BUCKET_OPTIONS))
    if "endpoint_url" in options:
        web_url(options["endpoint_url"])
    return {"bucket_name": parts.netloc, **options}


def email_url(text: str) -> tuple[str, dict[str, Any]]:
    """Return the dotted path of an e-mail backend and its options.

    smtp+tls://user:password@mail.example.com:587    smtp: without TLS; smtp+ssl: TLS from the first byte
    postmark://?server_token=…                       a provider; options: https://anymail.dev/en/stable/esps/
    some.module.EmailBackend                         your own backend
    """
    if is_class_path(text):
        return text, {}
    expected = (
        f"smtp+tls://user:password@host (port 587) or smtp+ssl:// (port 465), {ENCODED}, "
        "or a provider such as postmark://?option=value, or the dotted path of a backend"
    )
    pattern = rf"{SMTP_URL}|(?:{'|'.join(EMAIL_PROVIDERS)}):///?(?:\?.*)?"
    scheme, _, rest = matching(pattern, expected, _fix_email_url)(text).partition("://")
    if scheme in EMAIL_PROVIDERS:
        return f"anymail.backends.{scheme}.EmailBackend", dict(parse_qsl(rest.lstrip("/?")))
    parts = urlsplit(text)
    options = {"host": parts.hostname, **SMTP[scheme]}
    if parts.port:
        options["port"] = parts.port
    if parts.username:
        options |= {"username": unquote(parts.username), "password": unquote(parts.password or "")}
    return "django.core.mail.backends.smtp.EmailBackend", options


def _fix_email_url(text: str) -> str:
    rest = text.rpartition("://")[2]
    if text.startswith("smtps://") or rest.endswith(":465"):
        return f"smtp+ssl://{rest}"
    if rest.endswith(":587"):
        return f"smtp+tls://{rest}"
    if re.fullmatch(r"[a-z0-9.-]+\.[a-z]+", text):
        return f"smtp+tls://user:password@{text}:587"
    return _fix_scheme(*SMTP, *EMAIL_PROVIDERS)(text)


def _fix_scheme(*schemes: str) -> Callable[[str], str]:
    """Return a function that replaces a wrong scheme by the most similar one, and adds a missing one."""

    def fix(text: str) -> str:
        scheme, separator, rest = text.partition("://")
        if not separator:
            return f"{schemes[0]}://{text}" if ":" in text else ""
        return f"{closest(scheme.lower(), schemes, cutoff=0.7)}://{rest}"

    return fix


cache_url = matching(
    rf"(?:redis|rediss|rediscache|valkeys?)://(?:{LOGIN}{SERVERS}(?:/\d*)?|/[^\s#]+)(?:\?\S*)?|"
    r"(?:locmemcache|dummycache|dbcache|filecache|memcache|pymemcache|pylibmc)://\S*",
    f"redis://:password@host:6379/1, with a database number at the end, {ENCODED}",
    _fix_scheme("redis", "rediss"),
)
sentry_dsn = matching(
    rf"https?://\w+(?::\w+)?@{SERVER}(?:/[\w-]+)*/\d+",
    "https://key@host/number, as in Sentry's project settings",
)
