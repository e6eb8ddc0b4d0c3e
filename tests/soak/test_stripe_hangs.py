"""Stripe does not respond for half a minute; the server uses its production timeouts."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests

from apps.ecommerce.stripe_api.transport import DEADLINE_SECONDS
from tests.faulty_stripe import FaultyStripe

from .conftest import THREADS, start_shop, wait_until
from .drill import Buyer, Server

MAX_WAIT_SECONDS = 10
BUYERS = 2 * THREADS  # more than the server has threads


def test_shop_responds_while_stripe_hangs_and_sells_afterwards(
    shop: Server, faulty_server: FaultyStripe, sandbox: Any
) -> None:
    offer = shop.run_command("setup", str(BUYERS))
    buyers = [Buyer(shop, cookie, offer["slug"], offer["price"], pays=True) for cookie in offer["cookies"]]
    start_shop(shop, sandbox)
    faulty_server.start_fault("slow")
    waited: list[float] = []

    def measure(act: Any) -> requests.Response:
        started = time.monotonic()
        answer: requests.Response = act()
        waited.append(time.monotonic() - started)
        return answer

    with ThreadPoolExecutor(BUYERS + 2) as executor:
        presses = [executor.submit(measure, buyer.press_buy) for buyer in buyers]
        visits = [executor.submit(measure, lambda: _visit(shop)) for _ in range(2)]
        buy_responses = [press.result() for press in presses]
        visit_responses = [visit.result() for visit in visits]
    assert {answer.status_code for answer in buy_responses} == {303}
    # with an error message; the page keeps the buyer's choice
    product_url = f"/store/{offer['slug']}/?price={offer['price']}"
    assert {answer.headers["Location"] for answer in buy_responses} == {product_url}
    assert {answer.status_code for answer in visit_responses} == {200}
    assert max(waited) < MAX_WAIT_SECONDS
    assert measure(lambda: _visit(shop)).elapsed.total_seconds() < 2  # requests no longer wait for Stripe
    faulty_server.stop_fault()
    _wait_until_checkout_works(buyers[0])
    for buyer in buyers[:2]:
        buyer.shop()
        assert buyer.saw_payment


def test_running_request_completes_when_the_server_stops(
    shop: Server, faulty_server: FaultyStripe, sandbox: Any
) -> None:
    offer = shop.run_command("setup", "1")
    buyer = Buyer(shop, offer["cookies"][0], offer["slug"], offer["price"], pays=True)
    start_shop(shop, sandbox)
    faulty_server.start_fault("slow")
    with ThreadPoolExecutor(2) as executor:
        press = executor.submit(buyer.press_buy)
        wait_until(lambda: "POST /v1/customers" in faulty_server.requests)  # the request is being processed
        stop, deadline = executor.submit(shop.stop), time.monotonic() + DEADLINE_SECONDS / 2
        wait_until(lambda: not _responds(shop) or time.monotonic() > deadline)  # before the server's deadline
        faulty_server.stop_fault()
        assert "/stripe-sandbox/checkout/" in press.result().headers["Location"]
        assert stop.result() == 0


def _visit(shop: Server) -> requests.Response:
    return requests.get(f"{shop.address}/store/", timeout=30)


def _responds(shop: Server) -> bool:
    try:
        return requests.get(f"{shop.address}/healthz", timeout=1).ok
    except requests.RequestException:
        return False


def _wait_until_checkout_works(buyer: Buyer) -> None:
    """Press Buy every two seconds, within RATE_LIMITS."""
    wait_until(lambda: "/stripe-sandbox/checkout/" in buyer.press_buy().headers["Location"], every=2)
