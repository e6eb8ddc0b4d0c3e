"""Download an image from an untrusted URL: from the public internet only, with limits on time and size."""

from __future__ import annotations

import http.client
import io
import ipaddress
import socket
import ssl
import zlib
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from django.conf import settings
from requests.utils import DEFAULT_CA_BUNDLE_PATH

MAX_BYTES = 5_000_000
MAX_SECONDS = 10  # for everything: name, connection, redirects, body
MAX_CONNECT_SECONDS = 4  # for one of a host's addresses
MAX_REDIRECTS = 5
MAX_URL_LENGTH = 2048
CHUNK_BYTES = 65536
PORTS = {"http": 80, "https": 443}
REDIRECTS = (301, 302, 303, 307, 308)
HEADERS = {"Accept": "image/*", "User-Agent": "storefront-images/1.0"}
# Addresses that ipaddress calls global, and behind which a cloud keeps its own services.
CLOUD_NETWORKS = [ipaddress.ip_network(text) for text in ("168.63.129.16/32", "192.0.0.0/24")]
NAT64 = ipaddress.ip_network("64:ff9b::/96")


class DownloadError(Exception):
    """The image can't be had; the message says why."""


class DownloadTimeout(DownloadError):
    """Nothing else is wrong than the time it takes."""


def download(url: str, seconds: float = MAX_SECONDS) -> bytes:
    """Return the body of the response, after redirects. Raise DownloadError if it can't or must not be downloaded."""
    deadline = _Deadline(monotonic() + seconds, seconds)
    try:
        for _hop in range(MAX_REDIRECTS + 1):
            body, location = _get(_Address.parse(url), deadline)
            if location is None:
                return body
            url = urljoin(url, location)
    except DownloadError:
        raise
    except TimeoutError:
        raise DownloadTimeout("the server did not answer in time") from None
    except (OSError, ValueError, zlib.error, http.client.HTTPException, requests.RequestException) as error:
        raise DownloadError(f"{type(error).__name__}: {error}") from error
    raise DownloadError(f"more than {MAX_REDIRECTS} redirects")


def is_public(text: str) -> bool:
    """Whether an IP address belongs to the public internet, also the IPv4 address inside of an IPv6 one."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner:
            return is_public(str(inner))
        if address.is_site_local:
            return False
    if any(address in network for network in CLOUD_NETWORKS):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


@dataclass(frozen=True, slots=True)
class _Deadline:
    at: float  # on the monotonic clock
    seconds: float

    def left(self) -> float:
        """Return the seconds that are left. Raise TimeoutError if none are left."""
        seconds = self.at - monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds


@dataclass(frozen=True, slots=True)
class _Address:
    scheme: str
    host: str
    port: int
    target: str

    @classmethod
    def parse(cls, url: str) -> _Address:
        """Raise DownloadError or ValueError for a URL that is never asked for."""
        if len(url) > MAX_URL_LENGTH:
            raise DownloadError("the URL is too long")
        parts = urlsplit(str(requests.Request("GET", url).prepare().url))  # quoted, and its host in ASCII
        if parts.scheme not in PORTS or not parts.hostname:
            raise DownloadError("only http:// and https:// URLs are downloaded")
        if "@" in parts.netloc:
            raise DownloadError("the URL has a user name or a password in it")
        port = parts.port or PORTS[parts.scheme]
        if port not in PORTS.values() and not settings.ALLOW_PRIVATE_IMAGE_URLS:
            raise DownloadError(f"port {port} is not the port of a web server")
        target = parts._replace(scheme="", netloc="", fragment="").geturl()
        return cls(parts.scheme, parts.hostname, port, target or "/")


def _get(address: _Address, deadline: _Deadline) -> tuple[bytes, str | None]:
    """One request: the body, or where the server sends us instead."""
    with closing(_Connection(address, deadline)) as connection:
        connection.request("GET", address.target, headers=HEADERS)
        with closing(connection.getresponse()) as response:
            if response.status in REDIRECTS and (location := response.headers["Location"]):
                return b"", location
            if response.status != http.client.OK:
                raise DownloadError(f"the server answered with status {response.status}")
            return _body(response), None


def _body(response: http.client.HTTPResponse) -> bytes:
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("identity", "", "gzip", "x-gzip"):
        raise DownloadError("the body is compressed in a way that we did not ask for")
    if (response.length or 0) > MAX_BYTES:
        raise DownloadError(f"more than {MAX_BYTES} bytes")
    body = bytearray()
    while chunk := response.read1(CHUNK_BYTES):
        body += chunk
        _check_size(body)
    if response.length:
        raise DownloadError("the connection broke off before the end")
    if encoding.endswith("gzip"):
        gzip = zlib.decompressobj(wbits=31)
        unpacked = gzip.decompress(bytes(body), MAX_BYTES + 1)
        _check_size(unpacked)
        if not gzip.eof:
            raise DownloadError("the connection broke off before the end")
        return unpacked
    return bytes(body)


def _check_size(body: bytes | bytearray) -> None:
    if len(body) > MAX_BYTES:
        raise DownloadError(f"more than {MAX_BYTES} bytes")


class _Connection(http.client.HTTPConnection):
    """HTTP or HTTPS to an address that was looked at: the name is not resolved a second time."""

    def __init__(self, address: _Address, deadline: _Deadline) -> None:
        super().__init__(address.host, address.port)
        self.default_port = PORTS[address.scheme]  # leaves it out of the Host header
        self.scheme, self.deadline = address.scheme, deadline

    def connect(self) -> None:
        plain = _connected(self.host, self.port, self.deadline)
        try:
            if self.scheme == "https":
                plain.settimeout(self.deadline.left())
                context = ssl.create_default_context(cafile=DEFAULT_CA_BUNDLE_PATH)
                plain = context.wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise
        self.sock = _TimedSocket(plain, self.deadline)


class _TimedSocket:
    """The part of a socket that http.client uses, with a deadline: a plain timeout would restart with each byte."""

    def __init__(self, plain: socket.socket, deadline: _Deadline) -> None:
        self._plain, self._deadline = plain, deadline
        self.close: Callable[[], None] = plain.close

    def sendall(self, data: bytes) -> None:
        self._plain.settimeout(self._deadline.left())
        self._plain.sendall(data)

    def makefile(self, *_mode: object) -> io.BufferedReader:
        return io.BufferedReader(_TimedReader(self._plain, self._deadline))


class _TimedReader(io.RawIOBase):
    def __init__(self, plain: socket.socket, deadline: _Deadline) -> None:
        self._plain, self._deadline = plain, deadline
        self._file = plain.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._plain.settimeout(self._deadline.left())
        return self._file.readinto(buffer)

    def close(self) -> None:
        self._file.close()
        super().close()


def _connected(host: str, port: int, deadline: _Deadline) -> socket.socket:
    """A socket to the first address of the host that answers, of those that we may ask."""
    error: Exception = DownloadError(f"{host} has no address on the public internet")
    for family, kind, protocol, _name, place in _resolved(host, port, deadline):
        if not (settings.ALLOW_PRIVATE_IMAGE_URLS or is_public(str(place[0]))):
            continue
        plain = socket.socket(family, kind, protocol)
        try:
            plain.settimeout(min(deadline.left(), MAX_CONNECT_SECONDS))
            plain.connect(place)
        except OSError as failure:
            plain.close()
            error = failure
        else:
            return plain
    raise error


def _resolved(host: str, port: int, deadline: _Deadline) -> list[Any]:
    """The host's addresses. The system's resolver knows no deadline, so a thread asks and is left alone in time."""
    answers: SimpleQueue[Any] = SimpleQueue()

    def ask() -> None:
        try:
            answers.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except Exception as error:  # raised below, in the thread that waits
            answers.put(error)

    Thread(target=ask, name="resolve", daemon=True).start()
    try:
        found = answers.get(timeout=deadline.left())
    except Empty:
        raise TimeoutError from None
    if isinstance(found, Exception):
        raise found
    return list(found)
