"""Stripe does not respond for half a minute; the real server uses its real timeouts."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests

from apps.ecommerce.stripe_api.transport import DEADLINE_SECONDS
from tests.faulty_stripe import FaultyStripe

from .conftest import THREADS, start_shop, until
from .drill import Buyer, Server

MAX_WAIT_SECONDS = 10
BUYERS = 2 * THREADS  # more than the server has threads


def test_shop_answers_while_stripe_hangs_and_sells_afterwards(
    shop: Server, stripe_itself: FaultyStripe, sandbox: Any
) -> None:
    offer = shop.ask("setup", str(BUYERS))
    buyers = [Buyer(shop, cookie, offer["slug"], offer["price"], pays=True) for cookie in offer["cookies"]]
    start_shop(shop, sandbox)
    stripe_itself.start_fault("slow")
    waited: list[float] = []

    def timed(act: Any) -> requests.Response:
        started = time.monotonic()
        answer: requests.Response = act()
        waited.append(time.monotonic() - started)
        return answer

    with ThreadPoolExecutor(BUYERS + 2) as people:
        presses = [people.submit(timed, buyer.press_buy) for buyer in buyers]
        visits = [people.submit(timed, lambda: _visit(shop)) for _ in range(2)]
        told = [press.result() for press in presses]
        seen = [visit.result() for visit in visits]
    assert {answer.status_code for answer in told} == {303}
    # with an error message
    assert {answer.headers["Location"] for answer in told} == {f"/store/{offer['slug']}/"}
    assert {answer.status_code for answer in seen} == {200}
    assert max(waited) < MAX_WAIT_SECONDS
    assert timed(lambda: _visit(shop)).elapsed.total_seconds() < 2  # no request waits for Stripe any more
    stripe_itself.stop_fault()
    _wait_until_checkout_works(buyers[0])
    for buyer in buyers[:2]:
        buyer.shop()
        assert buyer.saw_it_paid


def test_running_request_completes_when_the_server_stops(
    shop: Server, stripe_itself: FaultyStripe, sandbox: Any
) -> None:
    offer = shop.ask("setup", "1")
    buyer = Buyer(shop, offer["cookies"][0], offer["slug"], offer["price"], pays=True)
    start_shop(shop, sandbox)
    stripe_itself.start_fault("slow")
    with ThreadPoolExecutor(2) as people:
        press = people.submit(buyer.press_buy)
        until(lambda: "POST /v1/customers" in stripe_itself.asked)  # the request is being processed
        stop, soon = people.submit(shop.stop), time.monotonic() + DEADLINE_SECONDS / 2
        until(lambda: not _answers(shop) or time.monotonic() > soon)  # before the server's deadline
        stripe_itself.stop_fault()
        assert "/stripe-sandbox/checkout/" in press.result().headers["Location"]
        assert stop.result() == 0


def _visit(shop: Server) -> requests.Response:
    return requests.get(f"{shop.address}/store/", timeout=30)


def _answers(shop: Server) -> bool:
    try:
        return requests.get(f"{shop.address}/healthz", timeout=1).ok
    except requests.RequestException:
        return False


def _wait_until_checkout_works(buyer: Buyer) -> None:
    """Press Buy every two seconds, within RATE_LIMITS."""
    until(lambda: "/stripe-sandbox/checkout/" in buyer.press_buy().headers["Location"], every=2)
