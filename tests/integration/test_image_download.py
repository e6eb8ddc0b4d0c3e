"""A faulty image server costs one product its image, and at most MAX_SECONDS."""

from __future__ import annotations

import gzip
import itertools
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from io import BytesIO, StringIO
from typing import Any, ClassVar

import pytest
from django.core.files.storage import default_storage, storages
from django.core.management import CommandError, call_command
from django.test import Client
from PIL import Image

from apps.ecommerce.catalogue import image_download, images
from apps.ecommerce.catalogue.image_download import DownloadError, DownloadTimeout, download, is_public
from apps.ecommerce.models import Product
from tests.signed_events import deliver, events

TIMEOUT = 1.0  # seconds, instead of MAX_SECONDS


def png(width: int = 300, height: int = 200) -> bytes:
    file = BytesIO()
    Image.new("RGB", (width, height), (200, 30, 40)).save(file, "PNG")
    return file.getvalue()


GOOD = png()
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n"
GZIPPED = gzip.compress(GOOD)
BOMB = gzip.compress(b"\0" * 20_000_000)
WHOLE = HEAD + b"Content-Length: %d\r\n\r\n" % len(GOOD) + GOOD


def drip(before: bytes, chunk: bytes) -> Iterator[bytes]:
    yield before
    while True:
        time.sleep(0.05)
        yield chunk


def repeat(before: bytes, chunk: bytes) -> Iterator[bytes]:
    yield before
    yield from itertools.repeat(chunk)


def pause(before: bytes = b"") -> Iterator[bytes]:
    yield before
    time.sleep(30)


def redirect(to: str) -> list[bytes]:
    return [b"HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % to.encode()]


class Server(socketserver.ThreadingTCPServer):
    """Send the entry of `responses` for the path, byte by byte, valid HTTP or not."""

    allow_reuse_address = daemon_threads = True
    block_on_close = False
    responses: ClassVar[dict[str, Callable[[], Any]]] = {
        "/good.png": lambda: [WHOLE],
        "/breaks.png": lambda: [WHOLE[:-50]],
        "/breaks-chunked.png": lambda: [HEAD + b"Transfer-Encoding: chunked\r\n\r\n100\r\nabc"],
        "/bad-chunks.png": lambda: [HEAD + b"Transfer-Encoding: chunked\r\n\r\nnonsense\r\n"],
        "/no-head.png": lambda: [b"\x00\x01\x02"],
        "/nothing.png": list,
        "/many-headers.png": lambda: [HEAD + b"X: y\r\n" * 1000 + b"\r\n"],
        "/long-header.png": lambda: [HEAD + b"X: " + b"y" * 100_000 + b"\r\n\r\n"],
        "/silent.png": pause,
        "/silent-body.png": lambda: pause(HEAD + b"Content-Length: 100\r\n\r\n"),
        "/drip.png": lambda: drip(HEAD + b"\r\n", b"x"),
        "/drip-close.png": lambda: drip(HEAD + b"Connection: close\r\n\r\n", b"x"),
        "/drip-chunks.png": lambda: drip(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        "/drip-head.png": lambda: drip(b"HTTP/1.1 200 OK\r\nX: ", b"x"),
        "/drip-continue.png": lambda: drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        "/endless.png": lambda: repeat(HEAD + b"\r\n", b"x" * 65536),
        "/endless-chunks.png": lambda: repeat(
            HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"x" * 65536 + b"\r\n"
        ),
        "/says-huge.png": lambda: [HEAD + b"Content-Length: 99999999999\r\n\r\n"],
        "/gzip-bomb.png": lambda: [HEAD + b"Content-Encoding: gzip\r\n\r\n" + BOMB],
        "/gzip-gzip.png": lambda: [HEAD + b"Content-Encoding: gzip, gzip\r\n\r\nnot gzip"],
        "/gzip-torn.png": lambda: [
            HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(GZIPPED) + GZIPPED[:-20]
        ],
        "/gzip-broken.png": lambda: [HEAD + b"Content-Encoding: gzip\r\n\r\nnot gzip"],
        "/loop.png": lambda: redirect("/loop.png"),
        "/nowhere.png": lambda: [b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"],
        "/file.png": lambda: redirect("file:///etc/passwd"),
        "/ftp.png": lambda: redirect("ftp://127.0.0.1/a.png"),
        "/bad-location.png": lambda: redirect("http://[::1"),
        "/part.png": lambda: [b"HTTP/1.1 206 Partial\r\nContent-Length: 3\r\n\r\nabc"],
        "/none.png": lambda: [b"HTTP/1.1 204 No Content\r\n\r\n"],
        "/error.png": lambda: [b"HTTP/1.1 500 Oh\x1b[2J no\r\nContent-Length: 0\r\n\r\n"],
        "/html.png": lambda: [HEAD + b"\r\n<html>"],
        "/torn.png": lambda: [HEAD + b"\r\n" + GOOD[:100]],
    }
    requested: ClassVar[list[str]] = []

    def finish_request(self, request: Any, client_address: Any) -> None:
        line = request.makefile("rb").readline().decode("latin-1")
        path = line.split(" ")[1]
        self.requested.append(path)
        for part in self.responses[path]():
            request.sendall(part)

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # the shop closed the connection


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[str]:
    settings.ALLOW_PRIVATE_IMAGE_URLS = True
    for module in ("sync", "images"):
        monkeypatch.setattr(f"apps.ecommerce.catalogue.{module}.MAX_SECONDS", TIMEOUT)
    Server.requested.clear()
    with Server(("127.0.0.1", 0), None) as running:  # type: ignore[arg-type]
        threading.Thread(target=running.serve_forever, args=[0.01], daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()


REASONS = {
    "IncompleteRead": ["breaks", "gzip-torn", "breaks-chunked", "says-huge"],
    "could not be downloaded": [
        "no-head",
        "nothing",
        "many-headers",
        "long-header",
        "bad-chunks",
        "bad-location",
        "gzip-broken",
        "gzip-gzip",
    ],
    "in time": ["silent", "silent-body", "drip", "drip-chunks", "drip-head", "drip-continue"],
    "more than 5000000 bytes": ["endless", "endless-chunks", "gzip-bomb"],
    "redirects": ["loop"],
    "status": ["nowhere", "part", "none", "error"],
    "only http": ["file", "ftp"],
    "could not be decoded": ["html", "torn"],
}


@pytest.mark.parametrize(
    ("reason", "name"), [(reason, name) for reason, names in REASONS.items() for name in names]
)
def test_invalid_response_raises_an_error_with_a_reason_in_time(server: str, reason: str, name: str) -> None:
    limit = TIMEOUT if reason == "in time" else image_download.MAX_SECONDS
    started = time.monotonic()
    with pytest.raises(images.ImageError, match=reason):
        images.copy_image(f"{server}/{name}.png", seconds=limit)
    assert time.monotonic() - started < limit + 1


@pytest.mark.parametrize("name", ["silent", "silent-body", "drip", "drip-close", "drip-chunks", "drip-head"])
def test_timeout_ends_the_download_thread(server: str, name: str) -> None:
    with pytest.raises(DownloadTimeout):
        download(f"{server}/{name}.png", 0.2)
    wait_for_download_threads()


def test_timeout_ends_a_thread_in_a_tls_handshake(server: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:  # a server that never responds
        with pytest.raises(DownloadTimeout):
            download(f"https://127.0.0.1:{listening.getsockname()[1]}/a.png", 0.2)
        wait_for_download_threads()


def wait_for_download_threads() -> None:
    deadline = time.monotonic() + 2
    while any(thread.name == "image download" for thread in threading.enumerate()):
        assert time.monotonic() < deadline, "the thread is still waiting for the server"
        time.sleep(0.02)


@pytest.mark.django_db
def test_failed_download_affects_one_product_only(sandbox: Any, server: str) -> None:
    """The connection closes in the middle of the body."""
    for name, path in (("First", "/good.png"), ("Broken", "/breaks.png"), ("Last", "/good.png")):
        sandbox.product(name, images=[server + path])
    out, err = StringIO(), StringIO()
    call_command("bootstrap_ecommerce", stdout=out, stderr=err)
    assert "6 added" in out.getvalue()
    [line] = err.getvalue().splitlines()
    broken = Product.objects.get(name="Broken")
    assert line.startswith(f"without image: Broken ({broken.id}): {server}/breaks.png: ")
    assert {row.name: len(row.pictures) for row in Product.objects.all()} == {
        "First": 1,
        "Broken": 0,
        "Last": 1,
    }
    assert Client().get("/store/").content.decode().count('class="card"') == 3
    assert 'src="/art/' in Client().get("/store/broken/").content.decode()


@pytest.mark.django_db
def test_next_sync_retries_a_failed_download(
    sandbox: Any, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.product("Icon set", images=[f"{server}/breaks.png"])
    call_command("bootstrap_ecommerce", verbosity=0, stderr=StringIO())
    monkeypatch.setitem(Server.responses, "/breaks.png", lambda: [WHOLE])
    call_command("bootstrap_ecommerce", verbosity=0)
    assert len(Product.objects.get().pictures) == 1


@pytest.mark.django_db
def test_event_has_one_timeout_for_all_images_of_a_product(sandbox: Any, server: str) -> None:
    created = sandbox.product("Icon set", images=[f"{server}/drip.png?{number}" for number in range(8)])
    Server.responses |= {f"/drip.png?{number}": Server.responses["/drip.png"] for number in range(8)}
    started = time.monotonic()
    [event] = [
        event for event in events(sandbox, "product.created") if event["data"]["object"]["id"] == created.id
    ]
    assert deliver(event).status_code == 200
    assert time.monotonic() - started < TIMEOUT + 2
    assert Product.objects.get().configuration.slug == "icon-set"


@pytest.mark.django_db
def test_sync_stops_requesting_a_server_after_three_timeouts(
    sandbox: Any, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.ecommerce.catalogue.images.MAX_SECONDS", 0.2)
    for number in range(10):
        sandbox.product(f"Thing {number}", images=[f"{server}/silent.png"])
    started, err = time.monotonic(), StringIO()
    call_command("bootstrap_ecommerce", verbosity=0, stderr=err)
    assert len(Server.requested) == 3
    assert len(err.getvalue().splitlines()) == 10
    assert time.monotonic() - started < 3


@pytest.mark.parametrize(
    "url",
    [
        "",
        "a.png",
        "//x/a.png",
        "http://",
        "http://[::1",
        "http://a:b/",
        "http://\0/",
        "\n",
        "図形",
        "a" * 9000,
    ],
)
def test_invalid_url_is_an_error_with_a_reason(server: str, url: str) -> None:
    with pytest.raises(images.ImageError, match="it could not be downloaded: "):
        images.copy_image(url, seconds=TIMEOUT)


@pytest.mark.django_db
def test_storage_error_is_reported_and_the_product_sold_without_image(
    sandbox: Any, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise OSError(28, "No space left on device")

    created = sandbox.product("Icon set", images=[f"{server}/good.png"])
    monkeypatch.setattr(images, "QUALITY", 33)  # so that the file names are new
    monkeypatch.setattr(type(storages["default"]), "_save", fail)
    err = StringIO()
    with pytest.raises(CommandError, match="could not be saved: 1"):
        call_command("bootstrap_ecommerce", verbosity=0, stderr=err)
    assert f"Icon set ({created.id}): {server}/good.png: OSError: [Errno 28] No space left" in err.getvalue()
    assert Product.objects.get(id=created.id).pictures == []


def test_redirect_is_followed(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(Server.responses, "/old.png", lambda: redirect("/new.png"))
    monkeypatch.setitem(Server.responses, "/new.png", lambda: redirect(f"{server}/good.png#top"))
    assert download(f"{server}/old.png") == GOOD


def test_redirects_are_limited(server: str) -> None:
    with pytest.raises(DownloadError, match="redirects"):
        download(f"{server}/loop.png")
    assert len(Server.requested) == image_download.MAX_REDIRECTS + 1


def test_gzip_is_decompressed(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = HEAD + b"Content-Encoding: gzip\r\n\r\n" + GZIPPED
    monkeypatch.setitem(Server.responses, "/packed.png", lambda: [packed])
    assert download(f"{server}/packed.png") == GOOD


def test_slow_dns_counts_towards_the_timeout(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: time.sleep(30))
    started = time.monotonic()
    with pytest.raises(DownloadError, match="in time"):
        download("http://slow.example.com/a.png", seconds=0.2)
    assert time.monotonic() - started < 1


def test_slow_tls_handshake_counts_towards_the_timeout(settings: Any) -> None:
    settings.ALLOW_PRIVATE_IMAGE_URLS = True
    started = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as listening, pytest.raises(DownloadError, match="in time"):
        download(f"https://127.0.0.1:{listening.getsockname()[1]}/good.png", seconds=0.3)
    assert time.monotonic() - started < 1


def test_slow_redirects_count_towards_the_timeout(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def redirect_slowly() -> Iterator[bytes]:
        time.sleep(0.3)
        yield from redirect("/late.png")

    monkeypatch.setitem(Server.responses, "/late.png", redirect_slowly)
    started = time.monotonic()
    with pytest.raises(DownloadError, match="in time"):
        download(f"{server}/late.png", seconds=0.5)
    assert time.monotonic() - started < 1


PRIVATE_ADDRESSES = [
    *("127.0.0.1", "127.9.9.9", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254"),
    *("100.64.0.1", "100.100.100.200", "192.0.0.192", "168.63.129.16", "224.0.0.1", "255.255.255.255"),
    *(
        "198.18.0.1",
        "240.0.0.1",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
    ),
    *(
        "fec0::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
    ),
    *("2002:7f00:1::", "2002:a00:1::", "2001:0:4136:e378:8000:63bf:80ff:fffe", "2001:db8::1"),
]


@pytest.mark.parametrize("address", PRIVATE_ADDRESSES)
def test_private_addresses_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "54.187.174.169", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]
)
def test_internet_addresses_are_public(address: str) -> None:
    assert is_public(address)


LOOPBACK_HOSTS = [
    *("127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "0", "0.0.0.0"),
    *("[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "127.0.0.1.", "LOCALHOST"),
    *("\N{CIRCLED DIGIT ONE}27.0.0.1", "127\N{IDEOGRAPHIC FULL STOP}0\N{IDEOGRAPHIC FULL STOP}0.1"),
]


@pytest.fixture
def in_production(server: str, settings: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """Refuse private addresses, and allow the server's port in addition to 80 and 443."""
    settings.ALLOW_PRIVATE_IMAGE_URLS = False
    monkeypatch.setitem(image_download.PORTS, "test", int(server.rpartition(":")[2]))
    return server


@pytest.mark.parametrize("host", LOOPBACK_HOSTS)
def test_every_spelling_of_loopback_is_refused_in_production(in_production: str, host: str) -> None:
    with pytest.raises(DownloadError):
        download(f"http://{host}:{in_production.rpartition(':')[2]}/good.png")
    assert Server.requested == []


def resolve_to(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> None:
    """Let images.example.com resolve to the next of `answers` each time, and to the last one from then on."""
    remaining, getaddrinfo_before = list(answers), socket.getaddrinfo

    def getaddrinfo(host: str, port: int, *args: Any, **kwargs: Any) -> Any:
        if host != "images.example.com":
            return getaddrinfo_before(host, port, *args, **kwargs)
        found = remaining.pop(0) if len(remaining) > 1 else remaining[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def test_host_that_resolves_to_a_private_address_is_refused(
    in_production: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_to(monkeypatch, ["127.0.0.1", "10.0.0.1"])
    with pytest.raises(DownloadError, match="no public IP address"):
        download(in_production.replace("127.0.0.1", "images.example.com") + "/good.png")
    assert Server.requested == []


def test_checked_ip_address_is_the_one_connected_to(
    in_production: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: the name resolves to a public address first and to a private one later."""
    connected: list[Any] = []

    def connect(_socket: socket.socket, address: Any) -> None:
        connected.append(address)
        raise ConnectionRefusedError("refused")

    monkeypatch.setattr(socket.socket, "connect", connect)
    resolve_to(monkeypatch, ["93.184.215.14"], ["127.0.0.1"])
    with pytest.raises(DownloadError, match="refused"):
        download("http://images.example.com/good.png")
    assert connected == [("93.184.215.14", 80)]


@pytest.mark.parametrize(
    "to",
    [
        "http://127.0.0.1:{port}/good.png",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::1]:{port}/good.png",
        "//2130706433:{port}/good.png",
        "http://10.0.0.1/",
    ],
)
def test_redirect_to_a_private_address_is_refused(
    in_production: str, monkeypatch: pytest.MonkeyPatch, to: str
) -> None:
    """The first request is allowed as if its address were public."""
    port = in_production.rpartition(":")[2]
    monkeypatch.setitem(Server.responses, "/away.png", lambda: redirect(to.format(port=port)))
    hops = iter([True])
    monkeypatch.setattr(image_download, "is_public", lambda address: next(hops, None) or is_public(address))
    with pytest.raises(DownloadError, match="no public IP address"):
        download(f"{in_production}/away.png")
    assert Server.requested == ["/away.png"]


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://example.com/a.png", "http"),
        ("file:///etc/passwd", "http"),
        ("gopher://example.com/", "http"),
        ("data:image/png;base64,AAAA", "http"),
        ("http://user:secret@example.com/a.png", "user name"),
        ("http://example.com@127.0.0.1/a.png", "user name"),
        ("http://example.com:22/a.png", "port 22"),
        ("http://example.com:99999/a.png", "."),
        ("http://example.com/" + "a" * 5000, "too long"),
        ("http://exa mple.com/", "."),
        ("http://" + "a" * 300 + ".com/", "."),
        ("http://.../", "."),
    ],
)
def test_forbidden_urls_are_not_requested(in_production: str, url: str, reason: str) -> None:
    with pytest.raises(DownloadError, match=reason) as failed:
        download(url, seconds=TIMEOUT)
    assert "secret" not in str(failed.value)
    assert Server.requested == []


@pytest.mark.django_db
def test_large_photo_is_copied_and_an_image_bomb_is_refused(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = BytesIO()
    Image.new("RGB", (6000, 4000), (20, 60, 210)).save(file, "JPEG", progressive=True)
    monkeypatch.setitem(Server.responses, "/photo.jpg", lambda: [HEAD + b"\r\n" + file.getvalue()])
    monkeypatch.setitem(Server.responses, "/bomb.png", lambda: [HEAD + b"\r\n" + png(4001, 3000)])
    picture = images.copy_image(f"{server}/photo.jpg")
    assert (picture.width, picture.height) == (1440, 960)
    assert default_storage.exists(picture.files[0])
    with pytest.raises(images.ImageError, match="pixels"):
        images.copy_image(f"{server}/bomb.png")
