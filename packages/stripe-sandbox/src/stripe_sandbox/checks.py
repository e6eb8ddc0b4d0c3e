"""System checks: refuse a live key, and production without STRIPE_SANDBOX."""

import os
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error


def refuse_real_money(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Return the errors stripe_sandbox.E001 and E002."""
    problems = find_live_keys()
    if not settings.DEBUG and not getattr(settings, "STRIPE_SANDBOX", False):
        hint = "Set STRIPE_SECRET_KEY to sell, or STRIPE_SANDBOX=true for a demo site where nothing is real."
        problems.append(
            Error(
                "The Stripe sandbox is on in production, but STRIPE_SANDBOX is not true.",
                hint=hint,
                id="stripe_sandbox.E002",
            )
        )
    return problems


def find_live_keys() -> list[CheckMessage]:
    keys = (settings.STRIPE_SECRET_KEY, os.environ.get("STRIPE_SECRET_KEY", ""))
    if not any(key.startswith(("sk_live_", "rk_live_")) for key in keys):
        return []
    hint = "Unset STRIPE_SANDBOX to sell through Stripe, or use a test key."
    return [
        Error(
            "STRIPE_SECRET_KEY is a live key, but the Stripe sandbox is on.",
            hint=hint,
            id="stripe_sandbox.E001",
        )
    ]
