"""Pages against a bare view that gives the very same answer, behind the same middleware and server."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from statistics import median

from scripts.throwaway_shop import Shop
from tests.benchmarks import load, shops
from tests.benchmarks.report import Row, at_least

PRODUCTS, PURCHASES, WAITING = 1_000, 10_000, 200
SECONDS = 1.0
SEEN = re.compile(rb"seen=([\w.]+)")
TAKEN_OVER = ("content-type", "content-encoding", "etag", "cache-control", "vary", "expires")


def measure(rounds: int) -> list[Row]:
    with shops.shop(PRODUCTS, PURCHASES, WAITING) as (shop, people):
        buyer = {**shops.ZIPPED, "Cookie": _with_token(shop, people["buyer"])}
        pages = [
            _pair(shop, "anonymous store page", "/store/", shops.ZIPPED, 0.8),
            _pair(shop, "anonymous product page", "/store/thing-5/", shops.ZIPPED, 0.8),
            _pair(shop, "signed-in store page", "/store/", buyer, 0.02),
            _polls(shop, people["waiting"]),
        ]
        return [_compare(shop, name, real, bare, target, rounds) for name, real, bare, target in pages]


Pair = tuple[str, list[bytes], list[bytes], float]


def _pair(shop: Shop, name: str, path: str, headers: Mapping[str, str], target: float) -> Pair:
    shops.get(shop.port, path, headers)  # made once
    key = name.replace(" ", "-")
    _write_down(shop, key, path, headers)
    ask = load.request
    return (
        name,
        [ask(shop.port, path, headers=headers)],
        [ask(shop.port, f"/bench/{key}/", headers=headers)],
        target,
    )


def _polls(shop: Shop, waiting: list[tuple[str, str]]) -> Pair:
    """Some buyers, each asking after their own purchase as their page does, mostly to hear that nothing is new."""
    asked = [(cookie, _next_poll(shop, cookie, path)) for cookie, path in waiting[80:100]]
    _write_down(shop, "poll", asked[0][1], {"Cookie": asked[0][0]})
    real = [load.request(shop.port, path, headers={"Cookie": cookie}) for cookie, path in asked]
    bare = [load.request(shop.port, "/bench/poll/", headers={"Cookie": cookie}) for cookie, _path in asked]
    return "status poll", real, bare, 0.25


def _next_poll(shop: Shop, cookie: str, path: str) -> str:
    """The address in the fragment: it says what the page shows already."""
    found = SEEN.search(shops.get(shop.port, path, {"Cookie": cookie})[2])
    assert found, "The page does not wait any more."
    return f"{path}&seen={found[1].decode()}"


def _write_down(shop: Shop, key: str, path: str, headers: Mapping[str, str]) -> None:
    """For urls.bare: what it shall answer."""
    status, found, body = shops.get(shop.port, path, headers)
    place = shop.folder / "bare"
    place.mkdir(exist_ok=True)
    (place / f"{key}.body").write_bytes(body)
    head = {name: found[name] for name in TAKEN_OVER if name in found}
    (place / f"{key}.json").write_text(json.dumps({"status": status, "headers": head}))


def _with_token(shop: Shop, cookie: str) -> str:
    """The form token that a browser has after its first page."""
    token = shops.get(shop.port, "/store/", {"Cookie": cookie})[1].get("set-cookie", "").partition(";")[0]
    return f"{cookie}; {token}" if token else cookie


def _compare(shop: Shop, name: str, real: list[bytes], bare: list[bytes], target: float, rounds: int) -> Row:
    ours, floor = [], []
    for _ in range(rounds):
        for requests, rates in ((real, ours), (bare, floor)):
            result = load.run_for(shop.port, requests, SECONDS)
            assert set(result.statuses) <= {200, 204}, result.statuses
            rates.append(result.per_second)
    ratio = median(one / other for one, other in zip(ours, floor, strict=True))
    return at_least(name, ratio, target, f"{median(ours):.0f} a second against {median(floor):.0f}")
