"""Webhooks: distinct signed events over eight connections, in turns with dj-stripe."""

from __future__ import annotations

from statistics import median

from tests.benchmarks import dj_stripe, events, load, shops
from tests.benchmarks.report import Row, at_least

WEBHOOK_PATH = "/webhooks/stripe/"
SHOP_EVENTS, DJ_STRIPE_EVENTS = 400, 60  # events per round, which take about equally long
TARGET = 6


def measure(rounds: int) -> list[Row]:
    with (
        shops.shop(1_000, 1_000, 0) as (shop, _buyers),
        shops.served_on_own_core(dj_stripe.shop(WEB_WORKERS="1")) as other,
    ):
        rows = []
        for name, kind in events.KINDS.items():
            fast, slow = [], []
            for _ in range(rounds):
                fast.append(
                    _rate(shop.port, events.signed_requests(shop.port, WEBHOOK_PATH, kind, SHOP_EVENTS))
                )
                slow.append(
                    _rate(
                        other.port,
                        events.signed_requests(other.port, dj_stripe.WEBHOOK, kind, DJ_STRIPE_EVENTS),
                    )
                )
            ratio = median(shop_rate / other_rate for shop_rate, other_rate in zip(fast, slow, strict=True))
            detail = f"{median(fast):.0f} a second against {median(slow):.0f}, no error"
            rows.append(at_least(f"{name}: times dj-stripe", ratio, TARGET, detail))
        return rows


def _rate(port: int, requests: list[bytes]) -> float:
    result = load.run_all(port, requests)
    assert set(result.statuses) == {200}, result.statuses
    return result.per_second
