"""Measure one size of growth.py: `python -m tests.benchmarks.measure_size PRODUCTS PURCHASES`.

Prints page ▶ [queries, ms] as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from statistics import median
from typing import Any

import django

ROUNDS = 15


def main(products: int, purchases: int) -> None:
    django.setup()
    from django.test import Client
    from django.test.utils import setup_test_environment

    from tests.benchmarks import rows
    from tests.factories import signed_in

    rows.fill_shop(products, purchases)
    setup_test_environment()
    visitor, (buyer, order) = Client(), _find_buyer()
    buyer_client = signed_in(buyer)
    requests = {
        "store, uncached": (visitor, "/store/"),
        "store, last page, by price": (visitor, f"/store/?sort=price&page={max(1, products // 24)}"),
        "product, uncached": (visitor, f"/store/thing-{products // 2}/"),
        "store, signed in": (buyer_client, "/store/"),
        "my purchases": (buyer_client, "/purchases/"),
        "status fragment of a final order": (buyer_client, f"/purchases/order/{order}/status/?view=return"),
    }
    print(json.dumps({name: _measure_page(client, path) for name, (client, path) in requests.items()}))


def _find_buyer() -> tuple[Any, Any]:
    from apps.ecommerce.models import Purchase

    row = Purchase.objects.select_related("user").order_by("pk")[Purchase.objects.count() // 2]
    return row.user, row.public_id


def _measure_page(client: Any, path: str) -> tuple[int, float]:
    from django.core.cache import caches
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    times = []
    for _ in range(ROUNDS):
        caches["pages"].clear()
        started = time.perf_counter()
        with CaptureQueriesContext(connection) as queries:
            response = client.get(path)
        times.append((time.perf_counter() - started) * 1000)
        assert response.status_code == 200, response
    return len(queries), median(times)


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:3]))
