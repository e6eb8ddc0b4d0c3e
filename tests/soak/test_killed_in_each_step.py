"""Kill the server in a given step of a purchase, while it waits for Stripe's response.

`make test` runs the most dangerous step, `make drill-faults` all; test_kill_drill.py kills at random moments.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.faulty_stripe import FaultyStripe

from .conftest import start_shop
from .drill import Buyer, Server

CREATE_SESSION, READ_SESSION = "POST /v1/checkout/sessions", "GET /v1/checkout/sessions/"

# step ▶ (held part: request "lost" or response "slow", request, whether webhooks are delivered)
STEPS: dict[str, tuple[str, str, bool]] = {
    "after the session was created, before it is stored": ("slow", CREATE_SESSION, True),
    "while the return page reads the session": ("slow", READ_SESSION, False),
    "while the webhook reads the session": ("slow", READ_SESSION, True),
    "before the customer is created": ("lost", "POST /v1/customers", True),
    "after the customer was created, before it is stored": ("slow", "POST /v1/customers", True),
    "before the session is created": ("lost", CREATE_SESSION, True),
    "before the return page reads the session": ("lost", READ_SESSION, False),
    "before the webhook reads the session": ("lost", READ_SESSION, True),
}
TESTED_STEPS = list(STEPS) if os.environ.get("EVERY_STEP") else list(STEPS)[:1]


@pytest.mark.timeout(180)
@pytest.mark.parametrize("step", TESTED_STEPS)
def test_purchase_completes_after_a_kill_in_a_step(
    step: str, shop: Server, faulty_server: FaultyStripe, sandbox: Any
) -> None:
    offer = shop.run_command("setup", "1")
    buyer = Buyer(shop, offer["cookies"][0], offer["slug"], offer["price"], pays=True)
    start_shop(shop, sandbox)
    fault, request, delivers_webhooks = STEPS[step]
    sandbox.switches(drop=[] if delivers_webhooks else ["*"])
    faulty_server.start_fault(fault, only=request)
    with ThreadPoolExecutor(1) as executor:
        shopping = executor.submit(buyer.shop)
        assert faulty_server.is_holding.wait(30)
        shop.kill()
        faulty_server.stop_fault()
        shop.start()
        shopping.result()
    assert buyer.saw_payment
    shop.kill()
    _assert_one_paid_purchase(shop)


@pytest.mark.timeout(180)
def test_purchase_completes_after_kills_during_payment(
    shop: Server, faulty_server: FaultyStripe, sandbox: Any
) -> None:
    """Kill before payment, and again after payment without return or webhook."""
    offer = shop.run_command("setup", "1")
    buyer = Buyer(shop, offer["cookies"][0], offer["slug"], offer["price"], pays=True)
    start_shop(shop, sandbox)
    sandbox.switches(drop=["*"])
    page = buyer.press_buy().headers["Location"].removeprefix(shop.address)
    shop.kill()
    shop.start()
    # The second press opens the same checkout.
    assert buyer.press_buy().headers["Location"].removeprefix(shop.address) == page
    assert "session_id=" in buyer.pay(page)
    shop.kill()
    _assert_one_paid_purchase(shop)


def _assert_one_paid_purchase(shop: Server) -> None:
    found = shop.run_command("check")  # the command reconciles first
    assert found["faults"] == []
    assert len(found["paid"]) == 1
