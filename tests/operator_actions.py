"""Actions of operators on an order in the admin."""

from __future__ import annotations

import re
from typing import Any

from django.test import Client
from django.urls import reverse

from apps.ecommerce.models import Purchase


def action_url(purchase: Purchase, name: str) -> str:
    return reverse("admin:ecommerce_purchase_action", args=[purchase.pk, name])


def confirm(operator: Client, url: str, **fields: str) -> Any:
    """Open the page that asks to confirm, and send its form."""
    page = operator.get(url)
    assert page.status_code == 200
    return operator.post(url, {**hidden_fields(page.content.decode()), **fields})


def hidden_fields(page: str) -> dict[str, str]:
    return dict(re.findall(r'type="hidden" name="(token|state)" value="([^"]+)"', page))
