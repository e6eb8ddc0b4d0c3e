"""Forms of hosts and addresses; see config/env_values.py."""

from __future__ import annotations

import re
import socket
from collections.abc import Collection, Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlsplit

import environ

from config.env_values import Invalid, closest

LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
HOST = re.compile(rf"{LABEL}(?:\.{LABEL})*\.?")
DATABASES = ("postgres", "postgresql", "psql", "pgsql", "sqlite")
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
CACHES = ("redis", "rediss", *environ.Env.CACHE_SCHEMES)
# Options of django-storages that are plain text.
BUCKET_OPTIONS = (
    "endpoint_url",
    "region_name",
    "addressing_style",
    "signature_version",
    "default_acl",
    "access_key",
    "secret_key",
    "security_token",
    "session_profile",
)
ENCODED = "and in user and password @ : / # ? [ ] as %40 %3A %2F %23 %3F %5B %5D"


# --- Hosts and sites --------------------------------------------------------------------------------------
def is_host(text: str) -> bool:
    """Whether it is a host name or an IP address (IPv6 without brackets)."""
    try:
        return bool(ip_address(text))
    except ValueError:
        last = text.rstrip(".").rpartition(".")[2]
        return bool(HOST.fullmatch(text.lower())) and len(text) < 254 and not last.isdigit()


def listen_address(text: str) -> str:
    """Return an IP address of this machine; a name is looked up."""
    bare = text.removeprefix("[").removesuffix("]")
    try:
        return str(ip_address(bare if ":" in bare else socket.gethostbyname(bare)))
    except (ValueError, OSError):
        meant = _host_in(text)
        raise Invalid(
            "an IP address without port, for example 127.0.0.1",
            meant if is_host(meant) and meant != text else "",
        ) from None


def allowed_hosts(text: str) -> list[str]:
    hosts = [part.strip() for part in text.split(",") if part.strip()]
    if not all(_is_host_pattern(host) for host in hosts):
        words = [_host_in(word) for word in re.split(r"""[\s,;"']+""", text) if word.strip("[]")]
        meant = ",".join(words) if all(_is_host_pattern(word) for word in words) else ""
        raise Invalid("host names without https://, port and path, with commas between", meant)
    return hosts


def site_url(text: str) -> str:
    """Return scheme, host and port in lower case, without the last slash."""
    if not (site := _site(text)):
        raise Invalid("https:// and the host name that shoppers use, and nothing after it", _site_in(text))
    return site


def origin(text: str) -> str:
    """Accept what a request's Origin may be; the host may begin with *. for all subdomains."""
    if not (site := _site(text.replace("://*.", "://", 1))):
        raise Invalid("https:// and a host name", _site_in(text))
    return site.replace("://", "://*.", 1) if "://*." in text else site


def web_url(text: str) -> str:
    """Return an http(s) address, which may have a path, without the last slash."""
    parts = _split(text)
    if parts is None or not _site(f"{parts.scheme}://{parts.netloc}") or re.search(r"[?#\s\\]", text):
        raise Invalid("an address that begins with https:// or http://", _site_in(text))
    return text.rstrip("/")


def media_url(text: str) -> str:
    if re.fullmatch(r"(/[\w.-]+)+/", text, re.ASCII):
        return text
    expected = "a path such as /media/ or an address such as https://cdn.example.com/media/"
    path = f"/{text.strip('/')}/" if re.fullmatch(r"/?[\w-]+/?", text, re.ASCII) else ""
    try:
        found = f"{web_url(text)}/"
    except Invalid as invalid:
        raise Invalid(expected, path or invalid.suggestion) from None
    if found != text:
        raise Invalid(f"{expected}, with a slash at the end", found)
    return found


# --- Servers with a password ------------------------------------------------------------------------------
def database_url(text: str) -> str:
    expected = "postgres://user:password@host:5432/name or sqlite:///path"
    if text == "sqlite://:memory:":
        return text
    parts = server_url(text, DATABASES, expected)
    if parts.scheme == "sqlite":
        if parts.netloc or parts.path in ("", "/"):
            path = f"{parts.netloc}{parts.path}".strip("/")
            raise Invalid(f"{expected}, with three slashes", f"sqlite:///{path}" if path else "")
    elif not re.fullmatch(r"(/[^/@:]*)*/[^/@:]+", parts.path):
        raise Invalid(f"{expected}, with the name of a database at the end, {ENCODED}")
    elif (mode := dict(parse_qsl(parts.query)).get("sslmode", "require")) not in SSL_MODES:
        raise Invalid(f"{expected}, with an sslmode of {', '.join(SSL_MODES)}", closest(mode, SSL_MODES))
    return text


def cache_url(text: str) -> str:
    expected = "redis://:password@host:6379/1"
    parts = server_url(text, CACHES, expected)
    if not parts.scheme.startswith(("redis", "valkey")):
        return text
    is_socket = not parts.netloc and parts.path.strip("/")
    if not is_socket and not (parts.hostname and re.fullmatch(r"(/\d*)?", parts.path, re.ASCII)):
        raise Invalid(f"{expected}, with a host and the number of a database, {ENCODED}")
    return text


def sentry_dsn(text: str) -> str:
    parts = server_url(
        text, ("https", "http"), "https://key@host/number, as Sentry's project settings show it"
    )
    if not parts.username or not parts.hostname or not re.fullmatch(r"(/[\w-]+)*/\d+", parts.path, re.ASCII):
        raise Invalid("https://key@host/number, as Sentry's project settings show it")
    return text


def bucket_options(text: str) -> dict[str, Any]:
    """Return the options of the storage in s3://bucket?endpoint_url=…&region_name=…"""
    expected = "s3://bucket?endpoint_url=https://…&region_name=…"
    parts = server_url(text, ("s3",), expected)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if not re.fullmatch(r"[\w.-]{3,255}", parts.netloc, re.ASCII) or parts.path not in ("", "/"):
        raise Invalid(f"{expected}, with only the bucket's name after s3://")
    for name, value in options.items():
        if name not in BUCKET_OPTIONS or not value:
            raise Invalid(f"{expected}, with known options that are not empty", closest(name, BUCKET_OPTIONS))
        if name == "endpoint_url" and not _site("/".join(value.split("/")[:3])):
            raise Invalid(f"{expected}, with https:// in endpoint_url", _site_in(value))
    return {"bucket_name": parts.netloc, **options}


def server_url(
    text: str, schemes: Collection[str], expected: str, other_names: Mapping[str, str] | None = None
) -> SplitResult:
    """Split an address with one of these schemes. Raise Invalid where user, password or port is not well formed."""
    scheme, separator, rest = text.partition("://")
    if not separator or scheme.lower() not in schemes:
        known = (other_names or {}).get(scheme.lower()) or _closest_scheme(scheme.lower(), schemes)
        raise Invalid(expected, f"{known}://{rest}" if separator and known else _with_scheme(text, schemes))
    parts = _split(text)
    user = parts.netloc.rpartition("@")[0] if parts else ""
    if parts is None and re.search(r"@[^/@:\[\]]*:[^/@]*(/|$)", rest):
        raise Invalid(f"{expected}, with a port from 1 to 65535, {ENCODED}")
    if parts is None or parts.fragment or re.search(r"[\s\\]", text) or re.search(r"[@\[\]]", user):
        raise Invalid(f"{expected}, without blanks, {ENCODED}")
    return parts


def _closest_scheme(scheme: str, schemes: Collection[str]) -> str:
    plain = scheme.partition("+")[0]  # SQLAlchemy's postgresql+psycopg
    return plain if plain in schemes else closest(scheme, schemes, cutoff=0.7)


def _with_scheme(text: str, schemes: Collection[str]) -> str:
    """Return the address with the first of the schemes, if it is one that lacks its scheme."""
    host = re.fullmatch(
        rf"(?=.*[.:])(?:\w+:/)?(?P<rest>(?:[^\s/@]*@)?(?:{LABEL}\.)*{LABEL}(?::\d+)?(?:/\w*)?)", text
    )
    return f"{next(iter(schemes))}://{host['rest']}" if host else ""


def _split(text: str) -> SplitResult | None:
    """Split it, or return None where the port is no port or brackets are not closed."""
    try:
        parts = urlsplit(text)
        ports = [host for host in parts.netloc.rpartition("@")[2].split(",") if host]
        for host in ports:  # a cluster has several
            if urlsplit(f"//{host}").port == 0:
                return None
    except ValueError:
        return None
    return parts


def _site(text: str) -> str:
    """Return scheme, host and port, or "" where there is anything else, or no host that others can use."""
    parts = _split(text)
    if (
        parts is None
        or parts.scheme not in ("http", "https")
        or "@" in parts.netloc
        or parts.path not in ("", "/")
        or re.search(r"[?#\s\\]", text)
        or not is_host(parts.hostname or "")
        or parts.hostname in ("0.0.0.0", "::")  # noqa: S104  where a server listens, not where it is found
    ):
        return ""
    return f"{parts.scheme}://{parts.netloc.lower().removesuffix(':')}"


def _site_in(text: str) -> str:
    """Return the site that was probably meant: the host in the text, with a scheme."""
    text = text.lower().strip("“”„‘’\"'<>")
    found = re.match(r"(?:[a-z]{2,6}:/+|https?[:/]+|/+)?(?:[^/@]*@)?([^/?#@,]+)", text)
    host = _ascii(found[1]) if found and found[1].rstrip(":") not in ("http", "https") else ""
    is_local = host.startswith(("127.", "localhost", "[::1]")) or text.startswith("http:")
    return _site(f"{'http' if is_local else 'https'}://{host}") if host else ""


def _host_in(text: str) -> str:
    """Return the host that was probably meant: without scheme, port and path."""
    host = re.split(r"[/?#]", re.sub(r"^\w*:?//", "", text.strip("[]\"'")))[0]
    if ":" in host and is_host(host):
        return f"[{host}]"
    host = _ascii(re.sub(r":\d*$", "", host).strip("[]"))
    return host.removeprefix("*") if host.startswith("*.") else host


def _is_host_pattern(text: str) -> bool:
    if text.startswith("["):
        return ":" in text and text.endswith("]") and is_host(text[1:-1])
    return text == "*" or (":" not in text and is_host(text.removeprefix(".")))


def _ascii(host: str) -> str:
    """Return the name as browsers send it: bücher.example is xn--bcher-kva.example."""
    try:
        return host if host.isascii() else host.encode("idna").decode()
    except UnicodeError:
        return host
