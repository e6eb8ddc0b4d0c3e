"""Behind the real Caddy and nginx with the shipped files, slow clients occupy no thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from apps.ecommerce.operations.doctor_proxies import responds_to_partial_body

from .proxying import PROXIES, needs_proxies
from .test_slow_clients import (
    CLIENTS,
    Shop,
    assert_pages_answer,
    download,
    file_shop,
    slow_post,
    status_of,
    warm_up,
)

pytestmark = needs_proxies

Proxy = Callable[[Path, int, Path], AbstractContextManager[int]]


@pytest.fixture
def shop_behind_proxy(tmp_path: Path) -> Iterator[Shop]:
    yield from file_shop(tmp_path, "nginx")


@pytest.mark.parametrize("proxy", PROXIES.values(), ids=PROXIES)
def test_slow_clients_of_a_proxy_occupy_no_thread(
    shop_behind_proxy: Shop, tmp_path: Path, proxy: Proxy, settings: Any
) -> None:
    server, path, cookies = shop_behind_proxy
    with (
        proxy(tmp_path, urlsplit(server.address).port or 0, tmp_path / "private") as port,
        ExitStack() as connections,
    ):
        warm_up(port)
        clients = [
            connections.enter_context(download(port, path, cookies[n % len(cookies)])) for n in range(CLIENTS)
        ]
        for _ in range(CLIENTS):
            connections.enter_context(slow_post(port))
        assert [status_of(client) for client in clients] == [200] * CLIENTS
        assert_pages_answer(port)
        _assert_file_is_served(port, path, cookies[0])
        settings.SITE_URL = f"http://127.0.0.1:{port}"
        assert not responds_to_partial_body()


@pytest.mark.parametrize("proxy", PROXIES.values(), ids=PROXIES)
@pytest.mark.parametrize("path", ["/webhooks/stripe/", "/accounts/login/", "/store/"])
def test_large_body_is_refused_with_413(
    shop_behind_proxy: Shop, tmp_path: Path, proxy: Proxy, path: str
) -> None:
    shop = urlsplit(shop_behind_proxy.server.address).port or 0
    with proxy(tmp_path, shop, tmp_path / "private") as port:
        answer = requests.post(f"http://127.0.0.1:{port}{path}", data=b"x" * 5_000_000, timeout=20)
        assert answer.status_code == 413


def _assert_file_is_served(port: int, path: str, cookie: str) -> None:
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    headers = {"Cookie": f"sessionid={cookie}", "Range": "bytes=10-19"}
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (206, b"P" * 10)
    assert (answer.headers["Content-Disposition"] or "").startswith("attachment")
    assert answer.headers.get_all("Content-Security-Policy") == ["default-src 'none'; sandbox"]
    assert answer.headers["X-Accel-Redirect"] is None
    connection.close()
    connection.request("GET", "/protected-downloads/downloads/file.zip")
    assert connection.getresponse().status == 404
    connection.close()
