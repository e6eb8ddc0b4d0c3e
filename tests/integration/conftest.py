from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import stripe

from apps.ecommerce.models import ProductConfiguration
from tests.factories import stock


@pytest.fixture
def icons(db: None, sandbox: Any) -> ProductConfiguration:
    """A product paid once: $19."""
    return stock(sandbox.client, "Icon set", 1900)


@pytest.fixture
def club(db: None, sandbox: Any) -> ProductConfiguration:
    """A subscription: $9 a month."""
    return stock(sandbox.client, "Maker club", 900, interval="month")


@pytest.fixture
def stripe_away(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Call it, and from then on nothing answers at Stripe's address."""

    def away() -> None:
        monkeypatch.setattr(stripe.HTTPClient, "INITIAL_DELAY", 0.001)
        monkeypatch.setattr(stripe.HTTPClient, "MAX_DELAY", 0.001)
        settings.STRIPE_HTTP_CLIENT = ""
        settings.STRIPE_API_BASE = "http://127.0.0.1:9"

    return away
