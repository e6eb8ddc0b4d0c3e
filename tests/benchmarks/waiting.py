"""Buyers who have paid and wait: how soon they see it, and what a thousand of them cost the others."""

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

from scripts.throwaway_shop import Shop
from tests.benchmarks import events, load, shops
from tests.benchmarks.furnish import ON_THEIR_WAY
from tests.benchmarks.report import Row, at_most

CROWD = 1_000
SECONDS = 4.0  # a round
PAUSE = 0.01  # between two visitors of the store
ASKS = re.compile(rb'seen=([\w.]+)" hx-trigger="every (\d+)s')  # how the page asks again
SHOWN = {1: "confirming", 3: "slow", 10: "slow"}  # by the seconds between two polls
PAID = b'data-state="paid"'
CONNECTIONS = 8


def measure(rounds: int) -> list[Row]:
    """Two processes, as on any machine of two cores; the load has to share them."""
    with shops.shop(1_000, 1_000, ON_THEIR_WAY + CROWD, alone=False, WEB_WORKERS="2") as (shop, people):
        crowd = people["waiting"][ON_THEIR_WAY:]
        return [_screens(shop, people["waiting"]), _store(shop, crowd, rounds)]


def _screens(shop: Shop, waiting: list[tuple[str, str]]) -> Row:
    """From the moment Stripe sends the event to the answer that says "paid"; those who came back just now."""
    (shop.folder / "paid").mkdir(exist_ok=True)
    seen: list[float] = []
    people = [threading.Thread(target=_watch, args=(shop, *who, seen)) for who in waiting[:ON_THEIR_WAY]]
    for person in people:
        person.start()
    for person in people:
        person.join()
    detail = f"of {len(seen)}; slowest {max(seen):.2f} s"
    return at_most("event ▶ the buyer's screen, median", median(seen), 1, " s", detail)


def _watch(shop: Shop, cookie: str, path: str, seen: list[float]) -> None:
    told = [0.0]

    def tell() -> None:
        name = path.partition("session=")[2]
        (shop.folder / "paid" / name).touch()
        told[0] = time.perf_counter()
        body, headers = events.about_session(name)
        connection = HTTPConnection("127.0.0.1", shop.port)
        connection.request("POST", "/webhooks/stripe/", body, headers)
        assert connection.getresponse().status == 200

    threading.Timer(random.uniform(1, 5), tell).start()
    asked, delay = f"/store/checkout/return/?session_id={path.partition('session=')[2]}", 1.0
    while PAID not in (answer := shops.get(shop.port, asked, {"Cookie": cookie})[2]):
        if found := ASKS.search(answer):
            asked, delay = f"{path}&seen={found[1].decode()}", float(found[2])
        time.sleep(delay)
    seen.append(time.perf_counter() - told[0])


def _store(shop: Shop, waiting: list[tuple[str, str]], rounds: int) -> Row:
    idle: list[float] = []
    busy: list[float] = []
    go, polls = Event(), shop.folder / "polls"
    crowd = Process(target=_crowd, args=(shop.port, waiting, go, str(polls)), daemon=True)
    crowd.start()
    for _ in range(rounds):
        idle += _visits(shop.port)
        _come_back(shop, waiting)
        go.set()
        busy += _visits(shop.port)
        go.clear()
        time.sleep(0.5)  # what is under way comes to its end
    crowd.terminate()
    done, seconds = json.loads(polls.read_text())
    calm, crowded = (quantiles(times, n=100)[98] * 1000 for times in (idle, busy))
    detail = f"{crowded:.1f} ms against {calm:.1f} ms; {done / seconds:.0f} polls a second"
    return at_most(f"p99 of the store page while {CROWD:,} wait, times idle", crowded / calm, 2, "", detail)


def _come_back(shop: Shop, waiting: list[tuple[str, str]]) -> None:
    """The crowd is as old as at the beginning: some came back just now, some ten minutes ago."""
    now = datetime.now(UTC).replace(tzinfo=None)
    with closing(sqlite3.connect(shop.folder / "db.sqlite3", timeout=20)) as database, database:
        database.executemany(
            "UPDATE ecommerce_purchase SET returned_at = ? WHERE session_id = ?",
            [
                (str(now - timedelta(seconds=600 * number / len(waiting))), path.partition("session=")[2])
                for number, (_cookie, path) in enumerate(waiting)
            ],
        )


def _visits(port: int) -> list[float]:
    times, deadline = [], time.perf_counter() + SECONDS
    ask = [load.request(port, "/store/", headers=shops.ZIPPED)]
    while time.perf_counter() < deadline:
        times += load.run_all(port, ask, 1).latencies
        time.sleep(PAUSE)
    return times


def _crowd(port: int, waiting: list[tuple[str, str]], go: Any, polls: str) -> None:
    """Everybody asks as often as their page does; those who came back long ago ask seldom."""
    due = [(random.random() * 10, number) for number in range(len(waiting))]
    delays = [_delay(number / len(waiting)) for number in range(len(waiting))]
    requests = [
        load.request(
            port,
            f"{path}&seen={'confirming' if delay == 1 else 'slow'}.0.{delay}",
            headers={"Cookie": cookie},
        )
        for (cookie, path), delay in zip(waiting, delays, strict=True)
    ]
    done, clock = 0, 0.0
    while go.wait():
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


def _delay(age: float) -> int:
    """Seconds between two polls of somebody who has waited for this part of ten minutes (live_updates.poll_delay)."""
    return next(delay for until, delay in ((20, 1), (120, 3), (601, 10)) if age * 600 < until)
