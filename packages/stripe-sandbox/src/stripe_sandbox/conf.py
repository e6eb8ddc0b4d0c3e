"""The sandbox's settings: STRIPE_SANDBOX_<NAME> in the Django settings, or the default."""

from typing import Any

from django.conf import settings

DEFAULTS: dict[str, Any] = {
    "DB": "stripe_sandbox.sqlite3",  # path of the SQLite file
    "DELIVERY": "thread",  # "manual": tests deliver webhooks themselves
    "DEMO": True,  # a new file starts with the demo catalogue
    "NEW_PRODUCT": "",  # URL, or name of a URL, of the page on which the project creates a product
    "WEBHOOK_PATH": "/webhooks/stripe/",  # webhook endpoint of this project, called in-process; "" for none
    "WEBHOOK_URL": "",  # URL of a webhook endpoint in another program; replaces WEBHOOK_PATH
}


def get(name: str) -> Any:
    """Return a setting. The default of ANY_KEY (accept all test keys, not only STRIPE_SECRET_KEY) is DEBUG."""
    default = settings.DEBUG if name == "ANY_KEY" else DEFAULTS.get(name)
    return getattr(settings, f"STRIPE_SANDBOX_{name}", default)
