from dataclasses import dataclass

from django.conf import settings

from apps.ecommerce.models import Purchase


@dataclass(frozen=True, slots=True)
class Problem:
    """The problem that an alert is about. The same problem has the same `name` and `about`."""

    name: str  # one of ALERT_NAMES
    text: str
    about: str = ""  # if there can be several at the same time


def admin_url(path: str) -> str:
    return f"{settings.SITE_URL}/admin/ecommerce/{path}"


def order_url(purchase: Purchase) -> str:
    return admin_url(f"purchase/{purchase.pk}/change/")
