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

AT_ONCE = 6
RESTARTS = 2


@pytest.mark.timeout(180)
def test_connections_recover_after_a_database_restart(tmp_path: Path) -> None:
    with postgres() as (url, restart), Server(tmp_path, url) as server:
        shop = server.ask("setup", str(AT_ONCE + 1))
        server.start()
        answers: list[tuple[int, float, float]] = []  # status, start time, seconds
        over = threading.Event()

        def look(cookie: str) -> None:
            with requests.Session() as browser:
                browser.cookies.set("sessionid", cookie)
                while not over.is_set():
                    started = time.monotonic()
                    answer = browser.get(f"{server.address}/purchases/", timeout=30)
                    answers.append((answer.status_code, started, time.monotonic() - started))

        threads = [threading.Thread(target=look, args=(cookie,)) for cookie in shop["cookies"][1:]]
        for thread in threads:
            thread.start()
        try:
            for _ in range(RESTARTS):
                _after(answers, 50)
                restart()
                back = time.monotonic()
                _after(answers, 100)
                assert {status for status, asked, _seconds in answers if asked > back} == {200}
        finally:
            over.set()
            for thread in threads:
                thread.join()
        assert max(seconds for _status, _asked, seconds in answers) < 10
        buyer = Buyer(server, shop["cookies"][0], shop["slug"], shop["price"], pays=True)
        buyer.shop()
        assert buyer.saw_it_paid


def _after(answers: list[tuple[int, float, float]], more: int) -> None:
    until, deadline, pause = len(answers) + more, time.monotonic() + 60, threading.Event()
    while len(answers) < until:
        assert time.monotonic() < deadline, "no answers any more"
        pause.wait(0.01)
