"""Slow clients on real sockets: paused downloads and unfinished requests must not block pages."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from apps.ecommerce.operations.doctor_proxies import responds_to_partial_body

from .drill import Server

CLIENTS = 40
SIZE = 60_000_000  # bytes: more than all socket buffers


class Shop(NamedTuple):
    server: Server
    path: str  # path of the download
    cookies: list[str]  # cookies of signed-in buyers


@pytest.fixture
def shop_without_proxy(tmp_path: Path) -> Iterator[Shop]:
    yield from file_shop(tmp_path, "django")


def file_shop(folder: Path, served_by: str) -> Iterator[Shop]:
    folder.chmod(0o755)
    for parent in folder.parents[:2]:
        parent.chmod(0o755)  # nginx's workers run as another user
    with Server(folder, DOWNLOADS_SERVED_BY=served_by) as server:
        setup = server.run_command("setup", "20")
        server.run_command("sell_file", setup["slug"], str(SIZE))
        server.start()
        yield Shop(server, f"/purchases/{setup['slug']}/download/", setup["cookies"])


def open_connection(port: int, request: str) -> socket.socket:
    """Send a request over a connection with a small buffer, and read nothing."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(20)
    client.connect(("127.0.0.1", port))
    client.sendall(request.encode())
    return client


def download(port: int, path: str, cookie: str) -> socket.socket:
    return open_connection(
        port, f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: sessionid={cookie}\r\n\r\n"
    )


def slow_post(port: int) -> socket.socket:
    head = f"POST /accounts/login/ HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 1000\r\n"
    return open_connection(port, f"{head}Content-Type: application/x-www-form-urlencoded\r\n\r\nlogin=")


def status_of(client: socket.socket) -> int:
    return int(client.recv(12).split()[1])


def assert_pages_answer(port: int) -> None:
    for _ in range(5):
        started = time.monotonic()
        connection = HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/store/")
        assert connection.getresponse().status == 200
        connection.close()
        assert time.monotonic() - started < 1


def test_slow_headers_and_idle_connections_do_not_block_pages(shop_without_proxy: Shop) -> None:
    port = urlsplit(shop_without_proxy.server.address).port or 0
    warm_up(port)
    with ExitStack() as connections:
        for _ in range(100):
            connections.enter_context(
                open_connection(port, f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-Slow: ")
            )
            connections.enter_context(
                open_connection(port, f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n")
            )
        assert_pages_answer(port)


def test_doctor_detects_a_server_without_request_buffering(shop_without_proxy: Shop, settings: Any) -> None:
    settings.SITE_URL = shop_without_proxy.server.address
    assert responds_to_partial_body()


def test_paused_downloads_do_not_block_pages(shop_without_proxy: Shop) -> None:
    server, path, cookies = shop_without_proxy
    port = urlsplit(server.address).port or 0
    warm_up(port)
    with ExitStack() as connections:
        clients = [
            connections.enter_context(download(port, path, cookies[n % len(cookies)])) for n in range(CLIENTS)
        ]
        statuses = [status_of(client) for client in clients]
        assert statuses.count(200) == 4  # half of WEB_THREADS
        assert statuses.count(503) == CLIENTS - 4
        assert_pages_answer(port)
    deadline = time.monotonic() + 20
    while True:  # until the aborted downloads free their slots
        with download(port, path, cookies[0]) as again:
            if status_of(again) == 200:
                break
        assert time.monotonic() < deadline
        time.sleep(0.1)


def warm_up(port: int) -> None:
    """Fill the caches."""
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", "/store/")
    assert connection.getresponse().status == 200
    connection.close()
