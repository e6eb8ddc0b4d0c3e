from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import stripe

from apps.ecommerce.models import ProductConfiguration
from tests.integration import urls


@pytest.fixture
def populated_shop(
    sandbox: Any, icons: ProductConfiguration, club: ProductConfiguration, settings: Any, tmp_path: Path
) -> urls.Shop:
    """A shop with users, purchases and events, in which every URL opens a page."""
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.ADMIN_REQUIRES_MFA = True
    return urls.create_shop(sandbox, icons, club)


@pytest.fixture
def disconnect_stripe(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return a function that makes Stripe unreachable."""

    def disconnect() -> None:
        monkeypatch.setattr(stripe.HTTPClient, "INITIAL_DELAY", 0.001)
        monkeypatch.setattr(stripe.HTTPClient, "MAX_DELAY", 0.001)
        settings.STRIPE_HTTP_CLIENT = ""
        settings.STRIPE_API_BASE = "http://127.0.0.1:9"

    return disconnect
