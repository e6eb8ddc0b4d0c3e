"""Fill a benchmark's shop: `python -m tests.benchmarks.setup_shop PRODUCTS PURCHASES WAITING`.

The last line printed is JSON: the session cookie of a buyer, and (cookie, status URL) of the waiting buyers.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import timedelta

import django

NOT_RETURNED = 40


def main(products: int, purchases: int, waiting: int) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.benchmarks.settings")
    django.setup()
    from tests.benchmarks import rows

    rows.fill_shop(products, purchases)
    print(f"\n{json.dumps({'buyer': _create_buyer_cookie(), 'waiting': _create_waiting_buyers(waiting)})}")


def _create_buyer_cookie() -> str:
    """Return the cookie of a user with ten purchases, two of them on the store's first page."""
    from apps.ecommerce.models import Purchase
    from apps.users.models import User

    buyer = User.objects.order_by("pk")[0]
    for number, row in enumerate(Purchase.objects.filter(user=buyer)[:2]):
        Purchase.objects.filter(pk=row.pk).update(product=f"prod_{number}", price=f"price_{number}")
    return _cookie(buyer, visit="/store/")


def _create_waiting_buyers(count: int) -> list[tuple[str, str]]:
    """Return (cookie, status URL) of buyers who returned from Stripe within ten minutes, the latest first.

    The first NOT_RETURNED have paid but not returned.
    """
    from django.utils import timezone

    from apps.ecommerce.models import Price, Purchase
    from apps.users.models import User

    now, price = timezone.now(), Price.objects.select_related("product").order_by("pk")[0]
    users = User.objects.bulk_create(User(email=f"waiting{i}@example.com") for i in range(count))
    purchases = Purchase.objects.bulk_create(
        Purchase(
            user=user,
            email=user.email,
            product=price.product,
            price=price,
            livemode=False,
            currency="usd",
            amount_total=900,
            amount_subtotal=900,
            session_id=f"cs_test_open_{user.pk}",
            checkout_url=f"https://checkout.stripe.com/c/pay/cs_test_open_{user.pk}",
            returned_at=None if number < NOT_RETURNED else now - timedelta(seconds=600 * number / count),
        )
        for number, user in enumerate(users)
    )
    return [
        (_cookie(row.user), f"/purchases/order/{row.public_id}/status/?view=return&session={row.session_id}")
        for row in purchases
        if row.user
    ]


def _cookie(user: object, visit: str = "") -> str:
    """Return the Cookie header of this user's browser; a request for the path `visit` adds the CSRF cookie."""
    from tests.factories import signed_in

    browser = signed_in(user)  # type: ignore[arg-type]
    if visit:
        assert browser.get(visit, headers={"host": "127.0.0.1"}).status_code == 200
    return "; ".join(f"{name}={morsel.value}" for name, morsel in browser.cookies.items())


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:4]))
