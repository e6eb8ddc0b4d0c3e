"""pytest plugin with the fixture `sandbox`: an empty sandbox with manual webhook delivery.

Add it to conftest.py: `pytest_plugins = ["stripe_sandbox.testing"]`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import stripe
from django.core.signals import request_finished, request_started
from django.db import close_old_connections

from stripe_sandbox import bootstrap, delivery, storage, switches
from stripe_sandbox.storage import Obj
from stripe_sandbox.transport import InProcessClient


class Sandbox:
    """Control the sandbox in a test. The code under test uses the API."""

    def __init__(self) -> None:
        self.client = stripe.StripeClient("sk_test_sandbox", http_client=InProcessClient())

    def deliver(self, after: float = 0) -> int:
        with _keep_connections_open():
            return delivery.deliver_due(time.time() + after)

    def switches(self, **changes: Any) -> switches.Switches:
        return switches.change(**changes)

    def product(
        self, name: str = "Icon set", amount: int = 1900, currency: str = "usd", **more: Any
    ) -> stripe.Product:
        """Create a product and its default price in minor units. `recurring={"interval": …}` is for the price."""
        price: Any = {"currency": currency, "unit_amount": amount}
        if "recurring" in more:
            price["recurring"] = more.pop("recurring")
        params: Any = {"name": name, "default_price_data": price, **more}
        return self.client.v1.products.create(params)

    def events(self, pattern: str = "*") -> list[Obj]:
        """Return the events whose type matches a pattern such as "charge.*", oldest first."""
        return storage.find("event", ("type", "GLOB", pattern))[::-1]

    def attempts(self, event_id: str = "") -> list[Obj]:
        """Return the deliveries, oldest first, with event, endpoint, state, attempts, status and error."""
        rows = storage.query("SELECT * FROM deliveries WHERE ? IN ('', event) ORDER BY id", event_id)
        return [dict(row) for row in rows]


@contextmanager
def _keep_connections_open() -> Iterator[None]:
    """Keep the transaction of the test open during in-process deliveries, as Django's test client does."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    try:
        yield
    finally:
        for signal in (request_started, request_finished):
            signal.connect(close_old_connections)


@pytest.fixture
def sandbox(settings: Any, tmp_path: Path) -> Iterator[Sandbox]:
    """Yield an empty sandbox. It sends nothing until `sandbox.deliver()`."""
    settings.STRIPE_SANDBOX_DB = tmp_path / "stripe_sandbox.sqlite3"
    settings.STRIPE_SANDBOX_DELIVERY = "manual"
    settings.STRIPE_SANDBOX_DEMO = False
    bootstrap.prepare()
    yield Sandbox()
    storage.close_idle()
