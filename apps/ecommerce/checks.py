from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from apps.ecommerce.stripe_api.client import KEY_PREFIXES


@register
def check_atomic_requests(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    if not any(database.get("ATOMIC_REQUESTS") for database in settings.DATABASES.values()):
        return []
    message = (
        "ATOMIC_REQUESTS is true: an error would undo what the store has saved about a payment at Stripe."
    )
    hint = "Remove it from DATABASES. Views of your own can have Django's decorator @transaction.atomic."
    return [Error(message, hint=hint, id="ecommerce.E002")]


@register
def check_stripe_settings(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    key = settings.STRIPE_SECRET_KEY
    if not key:
        hint = "Set your secret key (sk_…) in .env, or set STRIPE_SANDBOX=true to use the sandbox."
        return [Warning("STRIPE_SECRET_KEY is empty: the store can't sell.", hint=hint, id="ecommerce.W001")]
    if not key.startswith(KEY_PREFIXES):
        hint = f"Secret keys begin with {', '.join(KEY_PREFIXES)}. The publishable key (pk_…) is not needed."
        return [Error("STRIPE_SECRET_KEY is not a Stripe secret key.", hint=hint, id="ecommerce.E001")]
    if not settings.STRIPE_WEBHOOK_SECRET:
        message = "STRIPE_WEBHOOK_SECRET is empty: the webhook endpoint returns 404."
        hint = "Copy it (whsec_…) from `stripe listen` or from the endpoint's page in Stripe's Dashboard."
        return [Warning(message, hint=hint, id="ecommerce.W002")]
    return []
