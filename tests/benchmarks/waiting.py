"""Buyers who wait for their payment: the time until they see it, and the load of a thousand of them."""

from __future__ import annotations

import json
import random
import re
import sqlite3
import threading
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from multiprocessing import Event, Process
from statistics import median, quantiles
from typing import Any

from scripts.temporary_shop import Shop
from tests.benchmarks import events, load, shops
from tests.benchmarks.report import Row, at_most
from tests.benchmarks.setup_shop import NOT_RETURNED

WAITING_BUYERS = 1_000
SECONDS = 4.0  # seconds of a round
PAUSE_SECONDS = 0.01  # between two requests for the store
POLL_TRIGGER = re.compile(rb'seen=([\w.]+)" hx-trigger="every (\d+)s')  # the page's poll trigger
SHOWN = {1: "confirming", 3: "slow", 10: "slow"}  # state by seconds between polls
PAID = b'data-state="paid"'
CONNECTIONS = 8


def measure(rounds: int) -> list[Row]:
    """Use two worker processes, which share two cores with the load."""
    with shops.shop(1_000, 1_000, NOT_RETURNED + WAITING_BUYERS, on_own_core=False, WEB_WORKERS="2") as (
        shop,
        buyers,
    ):
        crowd = buyers["waiting"][NOT_RETURNED:]
        return [
            _measure_time_to_paid(shop, buyers["waiting"]),
            _measure_store_during_polling(shop, crowd, rounds),
        ]


def _measure_time_to_paid(shop: Shop, waiting: list[tuple[str, str]]) -> Row:
    """Measure from Stripe's event to the response that says "paid", for buyers who have just returned."""
    (shop.folder / "paid").mkdir(exist_ok=True)
    seen: list[float] = []
    threads = [
        threading.Thread(target=_wait_for_paid, args=(shop, *buyer, seen)) for buyer in waiting[:NOT_RETURNED]
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    detail = f"of {len(seen)}; slowest {max(seen):.2f} s"
    return at_most("event ▶ the buyer's screen, median", median(seen), 1, " s", detail)


def _wait_for_paid(shop: Shop, cookie: str, path: str, seen: list[float]) -> None:
    event_time = [0.0]

    def pay() -> None:
        name = path.partition("session=")[2]
        (shop.folder / "paid" / name).touch()
        event_time[0] = time.perf_counter()
        body, headers = events.session_completed(name)
        connection = HTTPConnection("127.0.0.1", shop.port)
        connection.request("POST", "/webhooks/stripe/", body, headers)
        assert connection.getresponse().status == 200

    threading.Timer(random.uniform(1, 5), pay).start()
    url, delay = f"/store/checkout/return/?session_id={path.partition('session=')[2]}", 1.0
    while PAID not in (answer := shops.get(shop.port, url, {"Cookie": cookie})[2]):
        if found := POLL_TRIGGER.search(answer):
            url, delay = f"{path}&seen={found[1].decode()}", float(found[2])
        time.sleep(delay)
    seen.append(time.perf_counter() - event_time[0])


def _measure_store_during_polling(shop: Shop, waiting: list[tuple[str, str]], rounds: int) -> Row:
    idle: list[float] = []
    busy: list[float] = []
    is_polling, polls = Event(), shop.folder / "polls"
    crowd = Process(target=_poll, args=(shop.port, waiting, is_polling, str(polls)), daemon=True)
    crowd.start()
    for _ in range(rounds):
        idle += _request_store(shop.port)
        _reset_return_times(shop, waiting)
        is_polling.set()
        busy += _request_store(shop.port)
        is_polling.clear()
        time.sleep(0.5)  # lets running requests complete
    crowd.terminate()
    done, seconds = json.loads(polls.read_text())
    idle_ms, busy_ms = (quantiles(times, n=100)[98] * 1000 for times in (idle, busy))
    detail = f"{busy_ms:.1f} ms against {idle_ms:.1f} ms; {done / seconds:.0f} polls a second"
    return at_most(
        f"p99 of the store page while {WAITING_BUYERS:,} wait, times idle", busy_ms / idle_ms, 2, "", detail
    )


def _reset_return_times(shop: Shop, waiting: list[tuple[str, str]]) -> None:
    """Make the buyers' waiting times the same as at the beginning of the benchmark."""
    now = datetime.now(UTC).replace(tzinfo=None)
    with closing(sqlite3.connect(shop.folder / "db.sqlite3", timeout=20)) as database, database:
        database.executemany(
            "UPDATE ecommerce_purchase SET returned_at = ? WHERE session_id = ?",
            [
                (str(now - timedelta(seconds=600 * number / len(waiting))), path.partition("session=")[2])
                for number, (_cookie, path) in enumerate(waiting)
            ],
        )


def _request_store(port: int) -> list[float]:
    times, deadline = [], time.perf_counter() + SECONDS
    ask = [load.request(port, "/store/", headers=shops.ACCEPTS_GZIP)]
    while time.perf_counter() < deadline:
        times += load.run_all(port, ask, 1).latencies
        time.sleep(PAUSE_SECONDS)
    return times


def _poll(port: int, waiting: list[tuple[str, str]], is_polling: Any, polls: str) -> None:
    """Poll as often as each buyer's page does."""
    due = [(random.random() * 10, number) for number in range(len(waiting))]
    delays = [_poll_delay(number / len(waiting)) for number in range(len(waiting))]
    requests = [
        load.request(
            port,
            f"{path}&seen={'confirming' if delay == 1 else 'slow'}.0.{delay}",
            headers={"Cookie": cookie},
        )
        for (cookie, path), delay in zip(waiting, delays, strict=True)
    ]
    done, clock = 0, 0.0
    while is_polling.wait():
        began = time.perf_counter()
        ready = sorted(number for at, number in due if at <= clock)
        if ready:
            load.run_all(port, [requests[number] for number in ready], CONNECTIONS)
            late = {number: clock + delays[number] * random.uniform(0.95, 1.05) for number in ready}
            due = [(late.get(number, at), number) for at, number in due]
            done += len(ready)
        else:
            time.sleep(0.01)
        clock += time.perf_counter() - began
        with open(polls, "w") as file:
            json.dump([done, clock], file)


def _poll_delay(age: float) -> int:
    """Return the seconds between polls after this fraction of ten minutes (live_updates.poll_delay)."""
    return next(delay for until, delay in ((20, 1), (120, 3), (601, 10)) if age * 600 < until)
