"""Compare the shop's pages with a Django view of 8 KB behind Django's default middleware, on the same server."""

from __future__ import annotations

import re
from collections.abc import Mapping
from statistics import median

from scripts.temporary_shop import Shop, temporary_shop
from tests.benchmarks import load, shops
from tests.benchmarks.report import Row, at_least

PRODUCTS, PURCHASES, WAITING = 1_000, 10_000, 200
SECONDS = 1.0
SEEN = re.compile(rb"seen=([\w.]+)")
ORDER = re.compile(rb'href="(/purchases/order/[\w-]+/)"')
SERVE = ["-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", "{port}", "--workers", "1"]
BARE = [
    *SERVE,
    "--blocking-threads",
    "8",
    "--no-access-log",
    "--log-level",
    "warning",
    "tests.benchmarks.django_baseline:application",
]


def measure(rounds: int) -> list[Row]:
    bare = temporary_shop(["-c", ""], BARE)
    with (
        shops.shop(PRODUCTS, PURCHASES, WAITING) as (shop, people),
        shops.served_on_own_core(bare) as yardstick,
    ):
        floor = [load.request(yardstick.port, "/")]
        return [
            _compare(name, shop.port, requests, yardstick.port, floor, target, rounds)
            for name, requests, target in _pages(shop, people["buyer"], people["waiting"])
        ]


def _pages(shop: Shop, buyer: str, waiting: list[tuple[str, str]]) -> list[tuple[str, list[bytes], float]]:
    headers = {**shops.ZIPPED, "Cookie": _with_token(shop, buyer)}
    order = ORDER.search(shops.get(shop.port, "/purchases/", {"Cookie": buyer})[2])
    assert order, "The buyer has no order."
    polled = [(cookie, _next_poll(shop, cookie, path)) for cookie, path in waiting[80:100]]
    return [
        ("anonymous store page", _get(shop, "/store/", shops.ZIPPED), 0.5),
        ("anonymous product page", _get(shop, "/store/thing-5/", shops.ZIPPED), 0.5),
        ("signed-in store page", _get(shop, "/store/", headers), 0.06),
        ("signed-in product page", _get(shop, "/store/thing-5/", headers), 0.06),
        ("library of ten purchases", _get(shop, "/purchases/", headers), 0.06),
        ("order page", _get(shop, order[1].decode(), headers), 0.06),
        (
            "status poll",
            [load.request(shop.port, path, headers={"Cookie": cookie}) for cookie, path in polled],
            0.1,
        ),
    ]


def _get(shop: Shop, path: str, headers: Mapping[str, str]) -> list[bytes]:
    status, *_rest = shops.get(shop.port, path, headers)  # also fills the caches
    assert status == 200, (path, status)
    return [load.request(shop.port, path, headers=headers)]


def _next_poll(shop: Shop, cookie: str, path: str) -> str:
    """Return the URL in the fragment, which includes the state that the page shows."""
    found = SEEN.search(shops.get(shop.port, path, {"Cookie": cookie})[2])
    assert found, "The page no longer waits."
    return f"{path}&seen={found[1].decode()}"


def _with_token(shop: Shop, cookie: str) -> str:
    """Add the CSRF cookie that a browser has after its first page."""
    token = shops.get(shop.port, "/store/", {"Cookie": cookie})[1].get("set-cookie", "").partition(";")[0]
    return f"{cookie}; {token}" if token else cookie


def _compare(
    name: str, port: int, real: list[bytes], bare_port: int, bare: list[bytes], target: float, rounds: int
) -> Row:
    ours, floor = [], []
    for _ in range(rounds):
        for at, requests, rates in ((port, real, ours), (bare_port, bare, floor)):
            result = load.run_for(at, requests, SECONDS)
            assert set(result.statuses) <= {200, 204}, result.statuses
            rates.append(result.per_second)
    ratio = median(one / other for one, other in zip(ours, floor, strict=True))
    return at_least(name, ratio, target, f"{median(ours):.0f} a second against {median(floor):.0f}")
