"""The server is killed in a given step of a purchase: Stripe holds the step until the server is dead.

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

CREATE, ASK = "POST /v1/checkout/sessions", "GET /v1/checkout/sessions/"

# step ▶ (held part: request "lost" or response "slow", request, whether webhooks are delivered)
STEPS: dict[str, tuple[str, str, bool]] = {
    "after the Session was made, before it is noted": ("slow", CREATE, True),
    "while the return page asks": ("slow", ASK, False),
    "while the webhook asks": ("slow", ASK, True),
    "before the customer is made": ("lost", "POST /v1/customers", True),
    "after the customer was made, before it is noted": ("slow", "POST /v1/customers", True),
    "before the Session is made": ("lost", CREATE, True),
    "before the return page asks": ("lost", ASK, False),
    "before the webhook asks": ("lost", ASK, True),
}
PLAYED = list(STEPS) if os.environ.get("EVERY_STEP") else list(STEPS)[:1]


@pytest.mark.timeout(180)
@pytest.mark.parametrize("step", PLAYED)
def test_purchase_completes_after_a_kill_in_a_step(
    step: str, shop: Server, stripe_itself: FaultyStripe, sandbox: Any
) -> None:
    offer = shop.ask("setup", "1")
    buyer = Buyer(shop, offer["cookies"][0], offer["slug"], offer["price"], pays=True)
    start_shop(shop, sandbox)
    held, request, heard = STEPS[step]
    sandbox.switches(drop=[] if heard else ["*"])
    stripe_itself.start_fault(held, only=request)
    with ThreadPoolExecutor(1) as people:
        shopping = people.submit(buyer.shop)
        assert stripe_itself.is_holding.wait(30)
        shop.kill()
        stripe_itself.stop_fault()
        shop.start()
        shopping.result()
    assert buyer.saw_it_paid
    shop.kill()
    _assert_one_paid_purchase(shop)


@pytest.mark.timeout(180)
def test_purchase_completes_after_kills_while_the_buyer_is_at_stripe(
    shop: Server, stripe_itself: FaultyStripe, sandbox: Any
) -> None:
    """Kill before payment, and again after payment without return or webhook."""
    offer = shop.ask("setup", "1")
    buyer = Buyer(shop, offer["cookies"][0], offer["slug"], offer["price"], pays=True)
    start_shop(shop, sandbox)
    sandbox.switches(drop=["*"])
    page = buyer.press_buy().headers["Location"].removeprefix(shop.address)
    shop.kill()
    shop.start()
    assert buyer.press_buy().headers["Location"].removeprefix(shop.address) == page  # the same checkout
    assert "session_id=" in buyer.pay(page)
    shop.kill()
    _assert_one_paid_purchase(shop)


def _assert_one_paid_purchase(shop: Server) -> None:
    found = shop.ask("verdict")  # reconciles
    assert found["faults"] == []
    assert len(found["paid"]) == 1
