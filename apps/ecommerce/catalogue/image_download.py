"""Download images from untrusted URLs on the public internet. Time and size are limited."""

import http.client
import ipaddress
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing, suppress
from threading import Thread
from urllib.parse import SplitResult, urljoin, urlsplit

import requests
from django.conf import settings
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError

MAX_BYTES = 5_000_000
MAX_SECONDS = 10  # for DNS, connections, redirects and the body together
MAX_CONNECT_SECONDS = 4  # limit for one IP address
MAX_REDIRECTS = 5
MAX_URL_LENGTH = 2048
PORTS = {"http": 80, "https": 443}
REDIRECTS = (301, 302, 303, 307, 308)
HEADERS = {"Accept": "image/*", "Accept-Encoding": "identity", "User-Agent": "storefront-images/1.0"}
# Internal services of cloud providers. ipaddress considers these networks global.
CLOUD_NETWORKS = [ipaddress.ip_network(text) for text in ("168.63.129.16/32", "192.0.0.0/24")]
# Errors of invalid URLs, and of servers that are unreachable or respond wrongly.
SERVER_ERRORS = (OSError, ValueError, http.client.HTTPException, HTTPError)
TLS = ssl.create_default_context(cafile=DEFAULT_CA_BUNDLE_PATH)
NAT64 = ipaddress.ip_network("64:ff9b::/96")


class DownloadError(Exception):
    pass


class DownloadTimeout(DownloadError):
    pass


def download(url: str, seconds: float = MAX_SECONDS) -> bytes:
    """Return the body of the response, after redirects. Raise DownloadError, DownloadTimeout or an unexpected error."""
    # In a thread, because neither DNS nor HTTP libraries limit the total time.
    thread = _DownloadThread(url)
    thread.start()
    thread.join(max(seconds, 0))
    error: Exception | None = TimeoutError()
    if thread.is_alive():
        thread.abort()
    else:
        error = thread.error
    if error is None:
        return thread.body
    if isinstance(error, DownloadError):
        raise error
    if isinstance(error, TimeoutError) or isinstance(error.__cause__, TimeoutError):
        raise DownloadTimeout("the server did not respond in time") from error
    if isinstance(error, SERVER_ERRORS):
        raise DownloadError(f"{type(error).__name__}: {error}") from error
    raise error


def is_public(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        embedded = address.ipv4_mapped or address.sixtofour
        if address in NAT64:
            embedded = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if embedded:
            return is_public(str(embedded))
        if address.is_site_local:
            return False
    if any(address in network for network in CLOUD_NETWORKS):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


class _DownloadThread(Thread):
    def __init__(self, url: str) -> None:
        super().__init__(name="image download", daemon=True)
        self.url = url
        self.body = b""
        self.error: Exception | None = None
        self.socket: socket.socket | None = None
        self.is_aborted = False

    def run(self) -> None:
        try:
            self.body = self._follow_redirects()
        except Exception as error:
            self.error = error
        finally:
            if self.socket:
                self.socket.close()

    def abort(self) -> None:
        self.is_aborted = True
        with suppress(OSError):  # the connection is closed already
            if self.socket:
                self.socket.shutdown(socket.SHUT_RDWR)

    def _follow_redirects(self) -> bytes:
        url = self.url
        for _hop in range(MAX_REDIRECTS + 1):
            parts = _validate_url(url)
            with closing(self._connect(parts)) as connection:
                body, location = _get_body_or_redirect(connection, parts)
            if location is None:
                return body
            url = urljoin(url, location)
        raise DownloadError(f"more than {MAX_REDIRECTS} redirects")

    def _connect(self, parts: SplitResult) -> HTTPConnection:
        """Connect to the first public IP address that answers. The host is resolved once, so it can't change."""
        host, port = str(parts.hostname), parts.port or PORTS[parts.scheme]
        error: Exception = DownloadError(f"{host} has no public IP address")
        for address in _resolve_public_ips(host, port):
            if self.is_aborted:
                raise TimeoutError
            connection = HTTPConnection(address, port)
            try:
                connection.sock = self._open_socket(address, port)
                if parts.scheme == "https":
                    connection.sock = TLS.wrap_socket(connection.sock, server_hostname=host)
                connection.sock.settimeout(MAX_SECONDS)
            except OSError as failure:
                connection.close()
                error = failure
            else:
                return connection
        raise error

    def _open_socket(self, address: str, port: int) -> socket.socket:
        connected = socket.create_connection((address, port), MAX_CONNECT_SECONDS)
        if self.socket:
            self.socket.close()
        self.socket = connected.dup()  # stays valid after TLS or HTTP has taken over the original
        if self.is_aborted:
            self.abort()
        return connected


def _validate_url(url: str) -> SplitResult:
    if len(url) > MAX_URL_LENGTH:
        raise DownloadError("the URL is too long")
    parts = urlsplit(str(requests.Request("GET", url).prepare().url))
    if parts.scheme not in PORTS or not parts.hostname:
        raise DownloadError("only http:// and https:// URLs are downloaded")
    if "@" in parts.netloc:
        raise DownloadError("the URL contains a user name or a password")
    port = parts.port or PORTS[parts.scheme]
    if port not in PORTS.values() and not settings.ALLOW_PRIVATE_IMAGE_URLS:
        raise DownloadError(f"port {port} is not allowed")
    return parts


def _resolve_public_ips(host: str, port: int) -> Iterator[str]:
    for *_options, sockaddr in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        if settings.ALLOW_PRIVATE_IMAGE_URLS or is_public(str(sockaddr[0])):
            yield str(sockaddr[0])


def _get_body_or_redirect(connection: HTTPConnection, parts: SplitResult) -> tuple[bytes, str | None]:
    target = parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
    connection.request("GET", target, headers={"Host": parts.netloc, **HEADERS}, preload_content=False)
    with closing(connection.getresponse()) as response:
        if response.status in REDIRECTS and (location := response.headers.get("Location")):
            return b"", location
        if response.status != http.client.OK:
            raise DownloadError(f"the server responded with status {response.status}")
        body = response.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        raise DownloadError(f"more than {MAX_BYTES} bytes")
    return body, None
