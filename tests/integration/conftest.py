from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import stripe

from apps.ecommerce.models import ProductConfiguration
from tests.integration import addresses


@pytest.fixture
def open_shop(
    sandbox: Any, icons: ProductConfiguration, club: ProductConfiguration, settings: Any, tmp_path: Path
) -> addresses.Shop:
    """A shop with a past, in which every address leads somewhere."""
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.ADMIN_REQUIRES_MFA = True
    return addresses.open_shop(sandbox, icons, club)


@pytest.fixture
def stripe_away(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Call it, and from then on nothing answers at Stripe's address."""

    def away() -> None:
        monkeypatch.setattr(stripe.HTTPClient, "INITIAL_DELAY", 0.001)
        monkeypatch.setattr(stripe.HTTPClient, "MAX_DELAY", 0.001)
        settings.STRIPE_HTTP_CLIENT = ""
        settings.STRIPE_API_BASE = "http://127.0.0.1:9"

    return away
