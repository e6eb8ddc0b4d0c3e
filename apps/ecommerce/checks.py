"""What `manage.py check` says about the store's Stripe settings, before a shopper finds out."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from apps.ecommerce.stripe_api.client import KEY_PREFIXES


@register
def stripe_settings(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    key = settings.STRIPE_SECRET_KEY
    if not key:
        return [
            Warning(
                "STRIPE_SECRET_KEY is empty: the store can't sell.",
                hint="Put a key of Stripe's into .env, or set STRIPE_SANDBOX=true for play money.",
                id="ecommerce.W001",
            )
        ]
    if not key.startswith(KEY_PREFIXES):
        return [
            Error(
                "STRIPE_SECRET_KEY is not a secret key of Stripe's.",
                hint=f"It begins with one of {', '.join(KEY_PREFIXES)}; the publishable key (pk_…) is not needed.",
                id="ecommerce.E001",
            )
        ]
    if not settings.STRIPE_WEBHOOK_SECRET:
        return [
            Warning(
                "STRIPE_WEBHOOK_SECRET is empty: the webhook endpoint is off (404).",
                hint="`stripe listen` or the endpoint's page in Stripe's Dashboard shows it (whsec_…).",
                id="ecommerce.W002",
            )
        ]
    return []
