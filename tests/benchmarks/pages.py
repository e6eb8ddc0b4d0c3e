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
SERVER_COMMAND = [
    "-m",
    "granian",
    "--interface",
    "wsgi",
    "--host",
    "127.0.0.1",
    "--port",
    "{port}",
    "--workers",
    "1",
]
BASELINE_COMMAND = [
    *SERVER_COMMAND,
    "--blocking-threads",
    "8",
    "--no-access-log",
    "--log-level",
    "warning",
    "tests.benchmarks.django_baseline:application",
]


def measure(rounds: int) -> list[Row]:
    baseline_server = temporary_shop(["-c", ""], BASELINE_COMMAND)
    with (
        shops.shop(PRODUCTS, PURCHASES, WAITING) as (shop, buyers),
        shops.served_on_own_core(baseline_server) as baseline,
    ):
        baseline_requests = [load.request(baseline.port, "/")]
        return [
            _compare(name, shop.port, requests, baseline.port, baseline_requests, target, rounds)
            for name, requests, target in _pages(shop, buyers["buyer"], buyers["waiting"])
        ]


def _pages(shop: Shop, buyer: str, waiting: list[tuple[str, str]]) -> list[tuple[str, list[bytes], float]]:
    headers = {**shops.ACCEPTS_GZIP, "Cookie": _with_csrf_cookie(shop, buyer)}
    order = ORDER.search(shops.get(shop.port, "/purchases/", {"Cookie": buyer})[2])
    assert order, "The buyer has no order."
    polled = [(cookie, _next_poll(shop, cookie, path)) for cookie, path in waiting[80:100]]
    return [
        ("anonymous store page", _get(shop, "/store/", shops.ACCEPTS_GZIP), 0.5),
        ("anonymous product page", _get(shop, "/store/thing-5/", shops.ACCEPTS_GZIP), 0.5),
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
    status, *_rest = shops.get(shop.port, path, headers)  # this request also fills the caches
    assert status == 200, (path, status)
    return [load.request(shop.port, path, headers=headers)]


def _next_poll(shop: Shop, cookie: str, path: str) -> str:
    """Return the URL in the fragment, which includes the state that the page shows."""
    found = SEEN.search(shops.get(shop.port, path, {"Cookie": cookie})[2])
    assert found, "The page does not poll any more."
    return f"{path}&seen={found[1].decode()}"


def _with_csrf_cookie(shop: Shop, cookie: str) -> str:
    """Add the CSRF cookie that a browser has after its first page."""
    token = shops.get(shop.port, "/store/", {"Cookie": cookie})[1].get("set-cookie", "").partition(";")[0]
    return f"{cookie}; {token}" if token else cookie


def _compare(
    name: str,
    port: int,
    requests: list[bytes],
    baseline_port: int,
    baseline_requests: list[bytes],
    target: float,
    rounds: int,
) -> Row:
    shop_rates, baseline_rates = [], []
    for _ in range(rounds):
        for server_port, server_requests, rates in (
            (port, requests, shop_rates),
            (baseline_port, baseline_requests, baseline_rates),
        ):
            result = load.run_for(server_port, server_requests, SECONDS)
            assert set(result.statuses) <= {200, 204}, result.statuses
            rates.append(result.per_second)
    ratio = median(shop / baseline for shop, baseline in zip(shop_rates, baseline_rates, strict=True))
    return at_least(
        name, ratio, target, f"{median(shop_rates):.0f} a second against {median(baseline_rates):.0f}"
    )
