"""PostgreSQL restarts under load: some requests fail quickly, then every connection recovers.

Needs PostgreSQL (`make test-postgres`), because it starts its own server to restart.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
import requests

from temporary_servers import postgres

from .drill import Buyer, Server

CONCURRENT_BUYERS = 6
RESTARTS = 2


@pytest.mark.timeout(180)
def test_connections_recover_after_a_database_restart(tmp_path: Path) -> None:
    with postgres() as (url, restart), Server(tmp_path, url) as server:
        shop = server.run_command("setup", str(CONCURRENT_BUYERS + 1))
        server.start()
        responses: list[tuple[int, float, float]] = []  # (status, start time, seconds)
        is_finished = threading.Event()

        def request_pages(cookie: str) -> None:
            with requests.Session() as browser:
                browser.cookies.set("sessionid", cookie)
                while not is_finished.is_set():
                    started = time.monotonic()
                    response = browser.get(f"{server.address}/purchases/", timeout=30)
                    responses.append((response.status_code, started, time.monotonic() - started))

        threads = [threading.Thread(target=request_pages, args=(cookie,)) for cookie in shop["cookies"][1:]]
        for thread in threads:
            thread.start()
        try:
            for _ in range(RESTARTS):
                _wait_for_responses(responses, 50)
                restart()
                restarted = time.monotonic()
                _wait_for_responses(responses, 100)
                assert {status for status, started, _seconds in responses if started > restarted} == {200}
        finally:
            is_finished.set()
            for thread in threads:
                thread.join()
        assert max(seconds for _status, _started, seconds in responses) < 10
        buyer = Buyer(server, shop["cookies"][0], shop["slug"], shop["price"], pays=True)
        buyer.shop()
        assert buyer.saw_payment


def _wait_for_responses(responses: list[tuple[int, float, float]], count: int) -> None:
    target, deadline, pause = len(responses) + count, time.monotonic() + 60, threading.Event()
    while len(responses) < target:
        assert time.monotonic() < deadline, "no more responses"
        pause.wait(0.01)
